"""Figures of the HPA's first metric: what it follows, and how far it falls with the load."""

from __future__ import annotations

import math

import numpy as np

from published_report.phases import levels
from published_report.requests import served_within
from scalecert.checks.requests import column, latency_seconds, served
from scalecert.checks.timeline import replicas, series
from scalecert.recording.intervals import Span, inside
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric
from scalecert.recording.quantiles import Floats

_METRIC = "sync.metric.0"
_AFTER_STEP = Span(120.0, 270.0)
"""From when what queued at a step is served until the first pod may go, at 300 s."""


def signal_against_latency(metric: LatencyMetric, recording: Recording, span: Span) -> float:
    """Return the rank correlation of the metric with the mean latency, over the HPA's syncs.

    The latency is that of the requests that end between a sync and the one before it, as a
    dashboard shows it beside the metric.
    """
    times, values = _signal(recording, span)
    done = served(recording)
    bins = np.searchsorted(times, column(recording, "last_token_seconds")[done])
    found = latency_seconds(recording, metric)[done]
    counts = np.bincount(bins, minlength=times.size + 1)[1:-1]
    sums = np.bincount(bins, weights=found, minlength=times.size + 1)[1:-1]
    means = np.divide(sums, counts, out=np.full(counts.shape, math.nan), where=counts > 0)
    return rank_correlation(values[1:], means)


def signal_against_throughput(recording: Recording, span: Span) -> float:
    """Return the rank correlation of the metric with requests served per ready replica."""
    times, values = _signal(recording, span)
    if times.size < 2:
        return math.nan
    counts = np.histogram(column(recording, "last_token_seconds")[served(recording)], times)[0]
    ready = replicas(recording, "ready")
    pods = np.array([ready.at(time) for time in times[1:]])
    return rank_correlation(values[1:], counts / np.maximum(pods, 1.0))


def signal_change(recording: Recording, span: Span) -> float:
    """Return by what share the metric changes as the span begins, before replicas follow.

    Its mean from 120 to 270 s of the span over that of as long a time before the span, less 1.
    """
    start, length = span.start_seconds, _AFTER_STEP.length_seconds
    before = _mean(_signal(recording, Span(start - length, start))[1])
    since = Span(start + _AFTER_STEP.start_seconds, start + _AFTER_STEP.end_seconds)
    return _mean(_signal(recording, since)[1]) / before - 1 if before > 0 else math.nan


def signal_below(recording: Recording, _span: Span) -> float:
    """Return the mean of the metric at the highest level of load below saturation."""
    return _mean(_signal(recording, levels(recording.plan)[0][-1])[1])


def downscale_wait(recording: Recording, span: Span) -> float:
    """Return how long before a scale-down the metric last asked for more than what was left.

    Seconds, the shortest of the span's scale-downs; NaN if there is none.
    """
    times, before = series(recording, "sync.time_seconds"), series(recording, "sync.spec_replicas")
    left, wished = (
        series(recording, "sync.desired_replicas"),
        series(recording, f"{_METRIC}.desired"),
    )
    waits = []
    for index in np.flatnonzero((left < before) & inside(times, [span])):
        more = np.flatnonzero(wished[:index] > left[index])
        if more.size:
            waits.append(float(times[index] - times[more[-1]]))
    return min(waits, default=math.nan)


def backlog_against_latency(recording: Recording, span: Span) -> float:
    """Return the correlation of requests in the servers with the E2E latency of new arrivals."""
    chosen = served_within(recording, span)
    times = series(recording, "engine.time_seconds")
    sync = np.searchsorted(times, column(recording, "arrival_seconds")[chosen], side="right") - 1
    known = sync >= 0
    backlog = series(recording, "engine.outstanding")[sync[known]]
    return correlation(backlog, latency_seconds(recording, "e2e")[chosen][known])


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's: the correlation of ranks, equal values sharing theirs; NaN left out."""
    known = np.isfinite(one) & np.isfinite(other)
    return correlation(_ranks(one[known]), _ranks(other[known]))


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's; 0 where one of the two never changes, NaN for fewer than three pairs."""
    if one.size < 3:
        return math.nan
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 0 else 0.0


def _ranks(values: Floats) -> Floats:
    """Return each value's rank from 0 on, equal ones the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = ((2 * last - counts - 1) / 2)[place]
    return ranks


def _signal(recording: Recording, span: Span) -> tuple[Floats, Floats]:
    """Return times and values of the metric within the span."""
    times = series(recording, "sync.time_seconds")
    chosen = inside(times, [span])
    return times[chosen], series(recording, f"{_METRIC}.value")[chosen]


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan
