"""Checks of the signal that the policy scales on: there, able to ask for more, moving with load.

The static halves (`present_statically`, `checks.reach`) need signals only, no recording:
`scalecert lint` judges a policy with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scalecert.checks import advice
from scalecert.checks.overload import highest_under_overload
from scalecert.checks.reach import lower_target, reachable, threshold
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.requests import column
from scalecert.checks.timeline import replicas, series
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan, Signal
from scalecert.recording.quantiles import Floats, quantile
from scalecert.units import format_percent

_GRACE_SECONDS = 60.0
"""From the first request at a ready pod to a value: scrape, ingestion, adapter, sync (15 s each).

Some servers (TGI) show a series from its first use on; until then there is nothing to scale for."""

_LOAD_VARIES = 1.5
"""Highest / lowest planned rate from which a signal has to show it."""


@check(
    id="signal-present",
    title="Signal present",
    question="Does the autoscaler get a value for every metric of the policy?",
    formula="share of syncs with a value, from 60 s after the first pod is ready and the first"
    " request has come, metric with the lowest share; 0 for a metric that the engine does not"
    " expose",
    source="own figure: one missed scrape in twenty is no outage; 60 s are four steps of 15 s from"
    " pod to HPA",
    unit="share",
    comparison=">=",
    default_limit=0.95,
)
def signal_present(recording: Recording, _limit: float) -> Outcome | None:
    """Judge statically first, then by what the HPA saw."""
    signals = recording.plan.signals
    missing = present_statically(signals)
    if missing is not None:
        return missing
    if not signals:
        return None
    shares = [(_share_with_value(recording, signal.index), signal) for signal in signals]
    share, signal = _lowest(shares)
    return Outcome(
        measured=share,
        message=f"{signal.metric} had a value at {format_percent(share, digits=4)} of syncs",
        next_step=_restore(recording.plan, signal),
        evidence={"metrics": _by_metric("share", shares), "failures": _failures(recording)},
    )


def _lowest(figures: Sequence[tuple[float, Signal]]) -> tuple[float, Signal]:
    return min(figures, key=lambda pair: pair[0])


def _by_metric(word: str, figures: Sequence[tuple[float, Signal]]) -> list[dict[str, Any]]:
    """Return figures as evidence; names may repeat, indexes in `spec.metrics` do not."""
    return [{"index": one.index, "metric": one.metric, word: value} for value, one in figures]


def _share_with_value(recording: Recording, index: int) -> float:
    ready = replicas(recording, "ready").first_at_least(1, 0.0)
    if math.isinf(ready):
        raise NoDataError("no pod was ever ready")
    arrivals = column(recording, "arrival_seconds")
    begin = max(ready, float(arrivals.min()) if arrivals.size else 0.0)
    due = series(recording, "sync.time_seconds") >= begin + _GRACE_SECONDS
    if not due.any():
        raise NoDataError("the HPA never synced after the first pod had had requests for 60 s")
    values = series(recording, f"sync.metric.{index}.value")[due]
    return float(np.count_nonzero(~np.isnan(values))) / values.size


def _restore(plan: Plan, signal: Signal) -> str:
    """Return what to do about a metric that may exist but was not there."""
    return advice.for_rare_scrapes(plan) or _look_for(signal)


def _look_for(signal: Signal) -> str:
    name = signal.prometheus_name or signal.metric
    return (
        f"check that pods expose {name} on the port that is scraped, and that the adapter's rules,"
        " labels and namespace select it"
    )


def _failures(recording: Recording) -> list[dict[str, Any]]:
    """Return the HPA's first complaints, as its events have them."""
    said = [
        event for event in recording.events if str(event.get("reason", "")).startswith("Failed")
    ]
    return [dict(event) for event in said[:3]]


def present_statically(signals: Sequence[Signal]) -> Outcome | None:
    """Return the failure of a metric that can't exist, None if all may."""
    gone = next((signal for signal in signals if not signal.exists), None)
    if gone is None:
        return None
    return Outcome(
        measured=0.0,
        message=f"{gone.metric} does not exist{_because(gone)}{_still_green(signals)}",
        next_step=gone.hint or _look_for(gone),
        evidence={"missing": [signal.metric for signal in signals if not signal.exists]},
    )


def _still_green(signals: Sequence[Signal]) -> str:
    """Return what hides the absence: one metric with a value keeps the HPA's conditions green.

    Kubernetes computes with the metrics that it gets, and fails the sync only if none has a value
    or those that have one would take replicas away (`computeReplicasForMetrics`).
    """
    others = [signal.metric for signal in signals if signal.exists]
    if not others:
        return ""
    return f"; the HPA goes by {', '.join(others)} alone, and may show every condition green"


def _because(signal: Signal) -> str:
    return f": {signal.reason}" if signal.reason else ""


@check(
    id="signal-reachable",
    title="Signal reachable",
    question="Can every metric of the policy rise far enough to ask for more replicas?",
    formula="highest value that the metric can show, and that it rises to with the load's request"
    " sizes, / (target x (1 + scale-up tolerance)), lowest of all bounded metrics; the same for"
    " what the metrics rose to under overload (planned rate above 1.1 x what the ready replicas"
    " serve saturated, for 2 min), highest of all metrics; it must exceed 1",
    source="HPA: no scale-up while value / target <= 1 + tolerance (replica_calculator.go);"
    " bounds: the engine's slots, batch and cache, of which one fills first; what sizes leave of"
    " them: mean tokens of the workload's requests, off by 1.5 standard deviations of a batch",
    unit="x",
    comparison=">",
    default_limit=1.0,
    limit_text="1; no finding if no metric is bounded and none stayed below under overload",
)
def signal_reachable(recording: Recording, limit: float) -> Outcome | None:
    """Judge the metric with the least room above its target, then what overload showed."""
    by_bounds = reachable(recording.plan.signals)
    if by_bounds is not None and by_bounds.measured <= limit:
        return by_bounds
    return _out_of_reach(recording, limit) or by_bounds


def _out_of_reach(recording: Recording, limit: float) -> Outcome | None:
    """Return the failure of a policy none of whose metrics rose enough under overload."""
    highest = highest_under_overload(recording)
    rises = [
        (highest[signal.index] / threshold(signal), signal)
        for signal in recording.plan.signals
        if signal.index in highest and signal.target_value > 0
    ]
    room, signal = max(rises, key=lambda pair: pair[0], default=(math.inf, None))
    if signal is None or room > limit:
        return None
    value = highest[signal.index]
    refused = int(np.count_nonzero(column(recording, "status") == Status.REJECTED))
    return Outcome(
        measured=room,
        message=f"{signal.metric} rose to {value:.4g} at most while the replicas were overloaded,"
        f" a scale-up needs more than {threshold(signal):.4g}: {_bound_first(refused)}",
        next_step=_raise_queue_limit(refused) + lower_target(signal, value),
        evidence={"metrics": _by_metric("room", rises), "target": signal.target_value},
    )


def _bound_first(refused: int) -> str:
    """Return what kept the signal down: a full server refuses what would have queued."""
    if refused:
        return f"the servers refused {refused:,} requests before it rose so far"
    return "another limit of the server is reached first"


def _raise_queue_limit(refused: int) -> str:
    return "raise the server's limit on requests, or " if refused else ""


@check(
    id="signal-moves",
    title="Signal moves",
    question="Does the signal follow the load, or is it pinned?",
    formula="(p95 - p5 of the signal over all syncs) / target, metric that moves least, where the"
    " planned rate varies by 1.5 x or more",
    source="the HPA's own tolerance: a signal that moves by less than 10 % of its target can't be"
    " told from a constant",
    unit="x target",
    level="extended",
    comparison=">=",
    default_limit=0.1,
)
def signal_moves(recording: Recording, _limit: float) -> Outcome | None:
    """Judge the metric that moves least."""
    plan = recording.plan
    signals = [signal for signal in plan.signals if signal.exists and signal.target_value > 0]
    if not signals or not _load_varies(plan):
        return None
    spreads = [(_spread(recording, signal), signal) for signal in signals]
    spread, signal = _lowest(spreads)
    return Outcome(
        measured=spread,
        message=f"{signal.metric} moved by {spread:.3g} x its target while the load varied",
        next_step=f"scale on a metric that follows the load instead of {signal.metric}, such as"
        " the requests that a replica runs or holds in its queue",
        evidence={"metrics": _by_metric("spread", spreads)},
    )


def _load_varies(plan: Plan) -> bool:
    rates = [rate for part in plan.load.segments for rate in (part.rate_start, part.rate_end)]
    return bool(rates) and max(rates) > 0 and max(rates) >= _LOAD_VARIES * min(rates)


def _spread(recording: Recording, signal: Signal) -> float:
    values: Floats = series(recording, f"sync.metric.{signal.index}.value")
    present = values[~np.isnan(values)]
    if present.size == 0:
        raise NoDataError(f"{signal.metric} never had a value")
    return (quantile(present, 0.95) - quantile(present, 0.05)) / signal.target_value
