"""What the signals showed while the ready replicas could not serve the load.

A signal's bound by the engine's limits may never bind: of slots, batch and cache one fills first,
and the others stay below theirs however long the queue grows. A run that was overloaded shows
how high each signal really rises.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scalecert.checks.timeline import planned_rates, series
from scalecert.recording.model import Recording

OVERLOAD = 1.1
"""Planned rate / what the ready replicas serve saturated, from which they are overloaded."""
OVERLOADED_SECONDS = 120.0
"""For this long before a sync: batches have filled, and scrapes have seen it."""
FEWEST_SYNCS = 4


def highest_under_overload(recording: Recording) -> dict[int, float]:
    """Return by index the highest value of each signal under overload.

    Signals without a value, and runs with fewer than `FEWEST_SYNCS` overloaded syncs, give none.
    """
    overloaded = _overloaded_syncs(recording)
    if np.count_nonzero(overloaded) < FEWEST_SYNCS:
        return {}
    found = {}
    for signal in recording.plan.signals:
        values = series(recording, f"sync.metric.{signal.index}.value")[overloaded]
        present = values[~np.isnan(values)]
        if present.size >= FEWEST_SYNCS:
            found[signal.index] = float(present.max())
    return found


def _overloaded_syncs(recording: Recording) -> npt.NDArray[np.bool_]:
    """Return which syncs end a span of overload that has lasted long enough."""
    times = series(recording, "sync.time_seconds")
    saturated = recording.plan.capacity.saturated_per_second
    served = saturated * np.maximum(series(recording, "sync.ready_replicas"), 1)
    calm = times[planned_rates(recording.plan, times) <= OVERLOAD * served]
    last_calm = np.searchsorted(calm, times, side="right") - 1
    since = np.where(last_calm >= 0, times - calm[last_calm], times) if calm.size else times
    return np.asarray(since >= OVERLOADED_SECONDS)
