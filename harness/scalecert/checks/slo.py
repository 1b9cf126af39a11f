"""Checks of the objective: latency quantiles and the share of requests that keep every limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from scalecert.checks import advice
from scalecert.checks.finding import format_measure
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.requests import (
    Mask,
    column,
    joint_share,
    judged,
    keeps,
    latency_seconds,
)
from scalecert.recording.latencies import measure
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric, ObjectiveTerm, Plan

_QUANTILE = "nearest rank: the smallest value that a share q of judged requests do not exceed"
_FROM_ARRIVAL = "latency from the intended arrival, against coordinated omission (wrk2, vegeta)"


def _limit_of(plan: Plan, metric: LatencyMetric) -> float | None:
    return next((term.limit_seconds for term in plan.objective if term.metric == metric), None)


def _limit_ttft(plan: Plan) -> float | None:
    return _limit_of(plan, "ttft")


def _limit_tpot(plan: Plan) -> float | None:
    return _limit_of(plan, "tpot")


def _limit_e2e(plan: Plan) -> float | None:
    return _limit_of(plan, "e2e")


@check(
    id="ttft-objective",
    title="Time to first token",
    question="Do requests get their first token within the objective's limit?",
    formula=f"quantile q of TTFT = first token - arrival over judged requests; {_QUANTILE}",
    source=_FROM_ARRIVAL,
    unit="s",
    default_limit=_limit_ttft,
    limit_text="the objective's `ttft_p<q>`; no finding without one",
)
def ttft_objective(recording: Recording, limit: float) -> Outcome:
    """Judge TTFT."""
    return _objective(recording, "ttft", limit)


@check(
    id="tpot-objective",
    title="Time per output token",
    question="Do tokens after the first one come as fast as the objective asks?",
    formula="quantile q of TPOT = (last token - first token) / (output tokens - 1) over judged"
    " requests of two or more tokens",
    source="definition of vLLM's and inference-perf's benchmarks; the first token is excluded",
    unit="s",
    default_limit=_limit_tpot,
    limit_text="the objective's `tpot_p<q>`; no finding without one",
)
def tpot_objective(recording: Recording, limit: float) -> Outcome:
    """Judge TPOT."""
    return _objective(recording, "tpot", limit)


@check(
    id="e2e-objective",
    title="End-to-end latency",
    question="Are whole answers there within the objective's limit?",
    formula="quantile q of E2E = last token - arrival over judged requests",
    source=_FROM_ARRIVAL,
    unit="s",
    default_limit=_limit_e2e,
    limit_text="the objective's `e2e_p<q>`; no finding without one",
)
def e2e_objective(recording: Recording, limit: float) -> Outcome:
    """Judge E2E."""
    return _objective(recording, "e2e", limit)


def _objective(recording: Recording, metric: LatencyMetric, limit: float) -> Outcome:
    """Judge the terms of one metric; of several the one furthest beyond its limit is measured."""
    terms = _scaled(recording.plan, metric, limit)
    mask = judged(recording)
    latencies = latency_seconds(recording, metric)[mask]
    figures = [(term, measure(latencies, term)) for term in terms]
    known = [(term, value) for term, value in figures if value is not None]
    if not known:
        raise NoDataError("no request arrived outside the windows")
    worst, value = max(known, key=lambda pair: pair[1] / pair[0].limit_seconds)
    late = latencies > worst.limit_seconds
    return Outcome(
        measured=value,
        limit=worst.limit_seconds,
        message=_message(worst, value, latencies),
        next_step=advice.for_latency(recording, value / worst.limit_seconds),
        evidence={
            "judgedRequests": int(np.count_nonzero(~np.isnan(latencies))),
            "late": int(np.count_nonzero(late)),
            "neverAnswered": int(np.count_nonzero(np.isinf(latencies))),
            "terms": {term.text(): value for term, value in figures},
            "worstMinute": _worst_minute(column(recording, "arrival_seconds")[mask], late),
        },
    )


def _scaled(plan: Plan, metric: LatencyMetric, limit: float) -> list[ObjectiveTerm]:
    """Return the metric's terms; a scenario's own limit moves all of them alike."""
    terms = [term for term in plan.objective if term.metric == metric]
    return [
        ObjectiveTerm(metric, term.quantile, term.limit_seconds * limit / terms[0].limit_seconds)
        for term in terms
    ]


def _message(term: ObjectiveTerm, value: float, latencies: np.ndarray[Any, Any]) -> str:
    name = f"{term.metric.upper()} p{term.quantile * 100:g}"
    count = np.count_nonzero(~np.isnan(latencies))
    if np.isinf(value):
        lost = np.count_nonzero(np.isinf(latencies)) / count
        return f"{name} has no value: {lost * 100:.3g} % of {count:,} judged requests got no answer"
    return f"{name} is {format_measure(value, 's')} over {count:,} judged requests"


def _worst_minute(arrivals: np.ndarray[Any, Any], late: Mask) -> dict[str, float] | None:
    """Return the minute with the most late requests, None if none was late."""
    if not late.any():
        return None
    minutes = (arrivals // 60).astype(np.int64)
    misses = np.bincount(minutes[late])
    worst = int(misses.argmax())
    offered = int(np.count_nonzero(minutes == worst))
    return {"startSeconds": worst * 60.0, "late": int(misses[worst]), "requests": offered}


@check(
    id="slo-attainment",
    title="SLO attainment",
    question="What share of requests keeps every limit of the objective at once?",
    formula="judged requests that keep all limits / judged requests",
    source="union bound: if each term holds, at most sum(1 - q) of the requests miss any",
    unit="share",
    comparison=">=",
    default_limit=joint_share,
    limit_text="1 - sum(1 - q) over the objective's terms",
)
def slo_attainment(recording: Recording, limit: float) -> Outcome:
    """Judge all terms together."""
    mask = judged(recording)
    kept = keeps(recording, recording.plan.objective)[mask]
    if kept.size == 0:
        raise NoDataError("no request arrived outside the windows")
    share = float(np.count_nonzero(kept)) / kept.size
    arrivals = column(recording, "arrival_seconds")[mask]
    return Outcome(
        measured=share,
        message=f"{share * 100:.4g} % of {kept.size:,} judged requests kept every limit",
        next_step=advice.for_latency(recording, 1 + max(0.0, limit - share)),
        evidence={
            "judgedRequests": int(kept.size),
            "kept": int(np.count_nonzero(kept)),
            "inWindows": int(np.count_nonzero(~mask)),
            "worstMinute": _worst_minute(arrivals, ~kept),
        },
    )
