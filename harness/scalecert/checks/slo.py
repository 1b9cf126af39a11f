"""Checks of the objective: latency quantiles and the share of requests that keep every limit.

A quantile is told from its limit by how many requests are late (`checks.confidence`): too few
requests, or a count that chance could have brought to either side, is inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scalecert.checks import advice
from scalecert.checks.confidence import LateCount
from scalecert.checks.finding import Verdict, format_measure
from scalecert.checks.queueing import queueing
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.requests import (
    Mask,
    column,
    joint_share,
    judged,
    keeps,
    latency_seconds,
    share_told,
    told,
)
from scalecert.recording.latencies import in_words, measure
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric, ObjectiveTerm, Plan
from scalecert.recording.quantiles import Floats
from scalecert.units import format_percent

_QUANTILE = "nearest rank: the smallest value that a share q of judged requests do not exceed"
_FROM_ARRIVAL = "latency from the intended arrival, against coordinated omission (wrk2, vegeta)"
_FOR_SURE = "; inconclusive where the count of late requests can't tell"
_BY_COUNTS = "; late requests: MLPerf LoadGen's early stopping"
_SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


def _limit_of(plan: Plan, metric: LatencyMetric) -> float | None:
    return next((term.limit_seconds for term in plan.objective if term.metric == metric), None)


def _limit_ttft(plan: Plan) -> float | None:
    return _limit_of(plan, "ttft")


def _limit_tpot(plan: Plan) -> float | None:
    return _limit_of(plan, "tpot")


def _limit_mean_time_per_token(plan: Plan) -> float | None:
    return _limit_of(plan, "mean_time_per_token")


def _limit_e2e(plan: Plan) -> float | None:
    return _limit_of(plan, "e2e")


@check(
    id="ttft-objective",
    title="Time to first token",
    question="Do requests get their first token within the objective's limit?",
    formula=f"quantile q of TTFT = first token - arrival over judged requests; {_QUANTILE}"
    f"{_FOR_SURE}",
    source=_FROM_ARRIVAL + _BY_COUNTS,
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
    f" requests of two or more tokens{_FOR_SURE}",
    source="definition of vLLM's and inference-perf's benchmarks; the first token is excluded"
    f"{_BY_COUNTS}",
    unit="s",
    default_limit=_limit_tpot,
    limit_text="the objective's `tpot_p<q>`; no finding without one",
)
def tpot_objective(recording: Recording, limit: float) -> Outcome:
    """Judge TPOT."""
    return _objective(recording, "tpot", limit)


@check(
    id="mean-time-per-token",
    title="Mean time per token",
    question="Once a server takes a request in, do its tokens come as fast as the objective asks?",
    formula="quantile q of (last token - end of queueing) / output tokens over judged requests:"
    f" prefill included, queueing left out{_FOR_SURE}",
    source="TGI's tgi_request_mean_time_per_token_duration: inference time / generated tokens"
    f" (router/src/server.rs){_BY_COUNTS}",
    unit="s",
    default_limit=_limit_mean_time_per_token,
    limit_text="the objective's `mean_time_per_token_p<q>`; no finding without one",
)
def mean_time_per_token_objective(recording: Recording, limit: float) -> Outcome:
    """Judge the mean time per token, and say what it leaves out."""
    outcome, left_out = _objective(recording, "mean_time_per_token", limit), queueing(recording)
    return replace(
        outcome,
        message=f"{outcome.message}; {left_out.message(recording.plan)}",
        evidence={**outcome.evidence, **left_out.evidence()},
    )


@check(
    id="e2e-objective",
    title="End-to-end latency",
    question="Are whole answers there within the objective's limit?",
    formula=f"quantile q of E2E = last token - arrival over judged requests{_FOR_SURE}",
    source=_FROM_ARRIVAL + _BY_COUNTS,
    unit="s",
    default_limit=_limit_e2e,
    limit_text="the objective's `e2e_p<q>`; no finding without one",
)
def e2e_objective(recording: Recording, limit: float) -> Outcome:
    """Judge E2E."""
    return _objective(recording, "e2e", limit)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One term of the objective: its quantile, and the requests that were late for it."""

    term: ObjectiveTerm
    value: float
    count: LateCount

    @property
    def ratio(self) -> float:
        return self.value / self.term.limit_seconds

    @property
    def severity(self) -> tuple[int, float]:
        return _SEVERITY.index(self.count.verdict), self.ratio


def _objective(recording: Recording, metric: LatencyMetric, limit: float) -> Outcome:
    """Judge the terms of one metric; of several the worst is measured.

    Worst is the verdict first, then how far it is beyond its limit.
    """
    mask = judged(recording) & told(recording, [metric])
    latencies = latency_seconds(recording, metric)[mask]
    if latencies.size == 0:
        raise _nothing_judged(recording)
    figures = [_figure(term, latencies) for term in _scaled(recording.plan, metric, limit)]
    worst = max(figures, key=lambda figure: figure.severity)
    late, count = latencies > worst.term.limit_seconds, worst.count
    return Outcome(
        measured=worst.value,
        limit=worst.term.limit_seconds,
        message=_message(worst, latencies, share_told(recording, [metric])),
        next_step=_next_step(recording, count, worst.ratio, [metric]),
        verdict=count.verdict,
        evidence={
            "judgedRequests": count.requests,
            "late": count.late,
            "neverAnswered": int(np.count_nonzero(np.isinf(latencies))),
            "terms": {figure.term.text(): figure.value for figure in figures},
            "worstMinute": _worst_minute(column(recording, "arrival_seconds")[mask], late),
            **_confidence(count),
            **_streamed(recording, [metric]),
        },
    )


def _nothing_judged(recording: Recording) -> NoDataError:
    if judged(recording).any():
        return NoDataError("no judged request was streamed")
    return NoDataError("no request arrived outside the windows")


def _figure(term: ObjectiveTerm, latencies: Floats) -> _Figure:
    value = measure(latencies, term)
    if value is None:
        raise NoDataError("no judged request has this latency")
    late = int(np.count_nonzero(latencies > term.limit_seconds))
    requests = int(np.count_nonzero(~np.isnan(latencies)))
    return _Figure(term, value, LateCount(late, requests, term.quantile))


def _scaled(plan: Plan, metric: LatencyMetric, limit: float) -> list[ObjectiveTerm]:
    """Return the metric's terms; a scenario's own limit moves all of them alike."""
    terms = [term for term in plan.objective if term.metric == metric]
    return [
        ObjectiveTerm(metric, term.quantile, term.limit_seconds * limit / terms[0].limit_seconds)
        for term in terms
    ]


def _message(figure: _Figure, latencies: Floats, share: str) -> str:
    metric = in_words(figure.term.metric)
    name = f"{metric[0].upper()}{metric[1:]} p{figure.term.quantile * 100:g}"
    requests = figure.count.requests
    if np.isinf(figure.value):
        lost = np.count_nonzero(np.isinf(latencies)) / requests
        said = f"has no value: {format_percent(lost)} of {requests:,} judged requests got no answer"
    else:
        said = f"is {format_measure(figure.value, 's')} over {requests:,} judged requests"
    return f"{name} {said}{share}{_doubt(figure.count, name)}"


def _doubt(count: LateCount, name: str) -> str:
    """Return what to add to a message where the count can't tell, else nothing."""
    return f"; {count.doubt(name)}" if count.verdict is Verdict.INCONCLUSIVE else ""


def _next_step(
    recording: Recording, count: LateCount, ratio: float, metrics: Sequence[LatencyMetric]
) -> str:
    if count.verdict is Verdict.PASS:
        return ""  # advice reads the replicas, which a pass does not depend on
    if count.verdict is Verdict.INCONCLUSIVE:
        every = "" if told(recording, metrics).all() else "; a machine that streams more helps too"
        return f"{count.to_decide()}{every}"
    return advice.for_latency(recording, ratio)


def _confidence(count: LateCount) -> dict[str, int]:
    """Return evidence: the requests needed, and the late ones of a sure pass and failure."""
    most, fewest = count.bounds
    return {"requestsNeeded": count.needed, "mostLateForPass": most, "fewestLateForFail": fewest}


def _streamed(recording: Recording, metrics: Sequence[LatencyMetric]) -> dict[str, float]:
    """Return evidence: which share of the requests tells of the metrics, if not all do."""
    seen = told(recording, metrics)
    return {} if seen.all() else {"streamedShare": float(np.mean(seen))}


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
    formula=f"judged requests that keep all limits / judged requests{_FOR_SURE}",
    source="union bound: if each term holds, at most sum(1 - q) of the requests miss any"
    f"{_BY_COUNTS}",
    unit="share",
    comparison=">=",
    default_limit=joint_share,
    limit_text="1 - sum(1 - q) over the objective's terms",
)
def slo_attainment(recording: Recording, limit: float) -> Outcome:
    """Judge all terms together."""
    metrics = [term.metric for term in recording.plan.objective]
    mask = judged(recording)
    kept = keeps(recording, recording.plan.objective, mask)
    if kept.size == 0:
        raise _nothing_judged(recording)
    count = LateCount(int(np.count_nonzero(~kept)), kept.size, limit)
    share = (count.requests - count.late) / count.requests
    arrivals = column(recording, "arrival_seconds")[mask & told(recording, metrics)]
    return Outcome(
        measured=share,
        message=f"{format_percent(share, digits=4)} of {kept.size:,} judged requests"
        f"{share_told(recording, metrics)} kept every limit{_doubt(count, 'their share')}",
        next_step=_next_step(recording, count, 1 + max(0.0, limit - share), metrics),
        verdict=count.verdict,
        evidence={
            "judgedRequests": count.requests,
            "kept": count.requests - count.late,
            "inWindows": int(np.count_nonzero(~mask)),
            "worstMinute": _worst_minute(arrivals, ~kept),
            **_confidence(count),
            **_streamed(recording, metrics),
        },
    )
