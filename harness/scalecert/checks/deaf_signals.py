"""Signals that do not hear the load, as a run shows them: high for all replicas, or never silent.

No target mends either, so `advice` asks here before it speaks of targets.
"""

from __future__ import annotations

import math

import numpy as np

from scalecert.checks.timeline import planned_rates, replicas
from scalecert.recording.model import Recording
from scalecert.recording.plan import Signal
from scalecert.recording.quantiles import Floats

_GROWN = 1.5
"""How many times the replicas there have to be for a metric of each to be seen to fall, or not;
and how many times the load of each has to be what it is with all of them."""

_KEPT = 0.8
"""Share of its value that a metric keeps which does not fall: shared out, 1 / 1.5 were left."""

_QUIET_SECONDS = 300.0
"""After the last answer: by then what is shown late, Google's metrics by minutes, is shown."""


def for_deaf_signal(recording: Recording) -> str:
    """Return what to do about signals that the load does not move, empty if none is so."""
    for signal in recording.plan.signals:
        if signal.exists and signal.source_type in ("External", "Object", "Pods"):
            found = _never_silent(recording, signal) or _high_at_maximum(recording, signal)
            if found:
                return found
    return ""


def _high_at_maximum(recording: Recording, signal: Signal) -> str:
    """Return what to do about a metric that asked for replicas, and asks on with all of them."""
    most = recording.plan.policy.max_replicas
    times, values = _seen(recording, signal)
    ready = replicas(recording, "ready")
    counts = np.array([ready.at(time) for time in times])
    shares = planned_rates(recording.plan, times) / np.maximum(counts, 1.0)
    all_there = counts >= most
    if not all_there.any():
        return ""
    # A load that grows as fast as the fleet keeps a sound metric high too.
    relieved = shares >= _GROWN * float(np.median(shares[all_there]))
    before = relieved & (counts > 0) & (counts <= most / _GROWN) & (values > signal.target_value)
    now = float(np.median(values[all_there]))
    if not before.any() or now < signal.target_value or now < _KEPT * np.median(values[before]):
        return ""
    return (
        f"{signal.metric} still was {now:.3g} with all {most} replicas, its target is"
        f" {signal.target_value:.3g}: more replicas do not lower it, it does not tell how much a"
        " server does; scale on the requests that a replica runs or holds in its queue"
    )


def _never_silent(recording: Recording, signal: Signal) -> str:
    """Return what to do about a metric that asks for replicas when nobody is there."""
    times, values = _seen(recording, signal)
    quiet = values[times > _quiet_from(recording)] if values.size else values
    if signal.source_type != "External" or not quiet.size or float(quiet.min()) <= 0:
        return ""
    return (
        f"{signal.metric} still was {float(np.median(quiet)):.3g} for each replica when the last"
        " request was gone: its selector takes in what others do, or a server holds it anyway;"
        " name namespace and pods in the selector, or scale on a metric that follows the load"
    )


def _quiet_from(recording: Recording) -> float:
    """Return when the last answer and all that is shown late of it are over; inf: never."""
    plan = recording.plan
    segments = plan.load.segments
    if not segments or segments[-1].rate_start > 0 or segments[-1].rate_end > 0:
        return math.inf
    ends = recording.requests["last_token_seconds"]
    ended = ends[np.isfinite(ends)]
    last = float(ended.max()) if ended.size else 0.0
    return max(last, segments[-1].start_seconds) + _QUIET_SECONDS


def _seen(recording: Recording, signal: Signal) -> tuple[Floats, Floats]:
    """Return the times of the syncs that had a value, and the values."""
    values = recording.series.get(f"sync.metric.{signal.index}.value")
    if values is None:
        return np.zeros(0), np.zeros(0)
    present = np.isfinite(values)
    times = recording.series["sync.time_seconds"]
    return times[present].astype(np.float64), values[present].astype(np.float64)
