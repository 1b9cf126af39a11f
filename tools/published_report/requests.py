"""Figures of requests: latencies at the client, what was served and what was not.

Requests belong to the span in which they arrive; a figure that a span does not have is NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from published_report.phases import levels
from scalecert.checks.requests import column, latency_seconds, served
from scalecert.recording.intervals import Span, inside
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric
from scalecert.recording.quantiles import Floats, quantile

_MINUTE_SECONDS = 60.0


def served_within(recording: Recording, span: Span) -> npt.NDArray[np.bool_]:
    """Return which requests arrive in the span and are served."""
    return inside(column(recording, "arrival_seconds"), [span]) & served(recording)


def latency_mean(metric: LatencyMetric, recording: Recording, span: Span) -> float:
    """Return the mean latency of served requests, seconds."""
    found = _latencies(metric, recording, span)
    return float(found.mean()) if found.size else math.nan


def latency_quantile(metric: LatencyMetric, q: float, recording: Recording, span: Span) -> float:
    """Return a quantile of the latency of served requests, seconds."""
    found = _latencies(metric, recording, span)
    return quantile(found, q) if found.size else math.nan


def latency_worst_minute(metric: LatencyMetric, recording: Recording, span: Span) -> float:
    """Return the highest mean latency of a minute's served requests: the peak of a dashboard."""
    found = _latencies(metric, recording, span)
    if not found.size:
        return math.nan
    arrived = column(recording, "arrival_seconds")[served_within(recording, span)]
    minutes = (arrived // _MINUTE_SECONDS).astype(np.int64)
    counts, sums = np.bincount(minutes), np.bincount(minutes, weights=found)
    return float((sums[counts > 0] / counts[counts > 0]).max())


def unserved_share(recording: Recording, span: Span) -> float:
    """Return the share of requests that were refused or lost."""
    arrived = inside(column(recording, "arrival_seconds"), [span])
    return float(np.mean(~served(recording)[arrived])) if arrived.any() else math.nan


def served_per_second(recording: Recording, span: Span) -> float:
    """Return the requests that finish in the span, per second."""
    ends = column(recording, "last_token_seconds")[served(recording)]
    return float(np.count_nonzero(inside(ends, [span]))) / span.length_seconds


def throughput_below(recording: Recording, _span: Span) -> float:
    """Return served over offered requests at the highest level below saturation."""
    level = levels(recording.plan)[0][-1]
    arrived = np.count_nonzero(inside(column(recording, "arrival_seconds"), [level]))
    return served_per_second(recording, level) * level.length_seconds / float(arrived)


def throughput_beyond(recording: Recording, _span: Span) -> float:
    """Return requests served at the highest level over those of the first beyond saturation."""
    beyond = levels(recording.plan)[1]
    return served_per_second(recording, beyond[-1]) / served_per_second(recording, beyond[0])


def latency_growth_below(recording: Recording, _span: Span) -> float:
    """Return mean E2E latency at the highest level below saturation over that of the lowest."""
    below = levels(recording.plan)[0]
    return latency_mean("e2e", recording, below[-1]) / latency_mean("e2e", recording, below[0])


def latency_growth_beyond(recording: Recording, _span: Span) -> float:
    """Return mean E2E latency at the first level beyond saturation over the last one below."""
    below, beyond = levels(recording.plan)
    return latency_mean("e2e", recording, beyond[0]) / latency_mean("e2e", recording, below[-1])


def _latencies(metric: LatencyMetric, recording: Recording, span: Span) -> Floats:
    return latency_seconds(recording, metric)[served_within(recording, span)]
