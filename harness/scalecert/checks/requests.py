"""The request log as checks read it: latencies of a recording, judged requests, attainment."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from scalecert.checks.registry import NoDataError
from scalecert.engines.request_log import Status
from scalecert.recording import latencies
from scalecert.recording.intervals import Span, inside
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric, ObjectiveTerm, Plan
from scalecert.recording.quantiles import Floats
from scalecert.units import format_percent

Mask = npt.NDArray[np.bool_]


def column(recording: Recording, name: str) -> Floats:
    """Return a request column as float64.

    Raises:
        NoDataError: if the recording lacks it.
    """
    if name not in recording.requests:
        raise NoDataError(f"the recording has no request column {name}")
    return np.asarray(recording.requests[name], dtype=np.float64)


def served(recording: Recording) -> Mask:
    """Return for each request whether it was answered to its last token."""
    return np.equal(column(recording, "status"), float(Status.OK))


def latency_seconds(recording: Recording, metric: LatencyMetric) -> Floats:
    """Return each request's latency; inf: it never came, NaN: it has none, or nobody saw it.

    Raises:
        NoDataError: if the recording lacks what the metric is made of.
    """
    found = latencies.latency_seconds(
        metric,
        arrival=column(recording, "arrival_seconds"),
        scheduled=_scheduled(recording, metric),
        first_token=column(recording, "first_token_seconds"),
        last_token=column(recording, "last_token_seconds"),
        output_tokens=column(recording, "output_tokens"),
        served=served(recording),
    )
    return np.where(told(recording, [metric]), found, np.nan)


def streamed(recording: Recording) -> Mask:
    """Return which requests were read token by token; without the column, all."""
    if "streamed" not in recording.requests:
        return np.ones(column(recording, "arrival_seconds").shape, dtype=np.bool_)
    return column(recording, "streamed") > 0


def told(recording: Recording, metrics: Iterable[LatencyMetric]) -> Mask:
    """Return of which requests all of these metrics were seen."""
    if any(metric in latencies.OF_STREAMED for metric in metrics):
        return streamed(recording)
    return np.ones(column(recording, "arrival_seconds").shape, dtype=np.bool_)


def share_told(recording: Recording, metrics: Iterable[LatencyMetric]) -> str:
    """Return what to say of how many requests were streamed; empty if all tell of the metrics."""
    seen = told(recording, metrics)
    if seen.all():
        return ""
    return f" (of the {format_percent(float(np.mean(seen)))} that were streamed)"


def scheduled(recording: Recording) -> Floats:
    """Return when each request left its server's queue; NaN: not answered, or nobody saw it.

    Raises:
        NoDataError: if that is unknown of an answered request, or can't be (before its arrival,
            after its last token: clocks that differ): nothing may pass for it.
    """
    if "scheduled_seconds" not in recording.requests:
        raise NoDataError(
            "the recording does not say when requests left the queue (scheduled_seconds): its world"
            " or release could not tell"
        )
    found, answered = (
        column(recording, "scheduled_seconds"),
        served(recording) & streamed(recording),
    )
    last = column(recording, "last_token_seconds")
    credible = (column(recording, "arrival_seconds") <= found) & (found <= last)
    unknown = int(np.count_nonzero(answered & ~credible))
    if unknown:
        raise NoDataError(
            f"of {unknown:,} of {np.count_nonzero(answered):,} answered requests nobody knows when"
            " they left the queue (scheduled_seconds)"
        )
    return np.where(answered, found, np.nan)


def _scheduled(recording: Recording, metric: LatencyMetric) -> Floats:
    """Return what the metric takes of it: other metrics are told without."""
    if metric == "mean_time_per_token":
        return scheduled(recording)
    return np.full(len(column(recording, "arrival_seconds")), np.nan)


def windows(plan: Plan) -> list[Span]:
    """Return the plan's windows within the run, overlapping ones as one, in order."""
    end = float(plan.scenario.spec.duration)
    merged: list[Span] = []
    for window in sorted(plan.windows, key=lambda window: window.start_seconds):
        span = Span(window.start_seconds, min(window.end_seconds, end))
        if merged and span.start_seconds <= merged[-1].end_seconds:
            last = merged.pop()
            span = Span(last.start_seconds, max(last.end_seconds, span.end_seconds))
        merged.append(span)
    return merged


def judged(recording: Recording) -> Mask:
    """Return which requests the objective judges: those that arrive outside every window."""
    return ~inside(column(recording, "arrival_seconds"), windows(recording.plan))


def keeps(recording: Recording, terms: tuple[ObjectiveTerm, ...], among: Mask) -> Mask:
    """Return for each request `among` these whether it keeps all limits (no TPOT keeps its).

    Those of which a term's metric was not seen are left out.
    """
    mask = np.ones(column(recording, "arrival_seconds").shape, dtype=np.bool_)
    for term in terms:
        mask &= ~(latency_seconds(recording, term.metric) > term.limit_seconds)
    return mask[among & told(recording, [term.metric for term in terms])]


def joint_share(plan: Plan) -> float | None:
    """Return 1 - sum(1 - q) over the objective's terms: what keeps all if each just holds."""
    if not plan.objective:
        return None
    missing = sum(1 - term.quantile for term in plan.objective)
    return round(max(0.0, 1 - missing), 9)
