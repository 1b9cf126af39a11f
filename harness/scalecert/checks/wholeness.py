"""Whether a recording is whole: what a check does not see it can't judge.

A world that stopped half-way leaves series that end early, and a check of what is there would pass.
"""

from __future__ import annotations

import numpy as np

from scalecert.recording.model import Recording

LEAST_SYNCS = 0.95
"""Share of the syncs that the run had time for; as much as `signal-present` asks of a metric."""


def recording_gap(recording: Recording) -> str:
    """Return what the recording lacks of the run, empty if it is whole."""
    return _missing_syncs(recording) or _missing_requests(recording) or _no_numbers(recording)


def _missing_syncs(recording: Recording) -> str:
    """Say how few syncs of the HPA there are, if more are missing than a slow controller skips."""
    spec = recording.plan.scenario.spec
    period, duration = float(spec.cluster.controllers.sync_period), float(spec.duration)
    # The first sync comes within one period of the start.
    due = int(duration / period) - 1
    times = recording.series.get("sync.time_seconds", np.zeros(0)).astype(np.float64)
    seen = times[(times >= 0.0) & (times <= duration)]
    if seen.size >= LEAST_SYNCS * due:
        return ""
    last = f", the last at {seen.max():.0f} s" if seen.size else ""
    return f"the recording is not whole: {seen.size} of at least {due} syncs of the HPA{last}"


def _missing_requests(recording: Recording) -> str:
    """Say how few requests the log has, if it is not as many as the plan offers.

    A generator that is late, or refused, still logs what it was asked for; rows that are gone would
    take their latencies with them.
    """
    asked = recording.plan.load.requests
    logged = len(recording.requests.get("arrival_seconds", ()))
    if logged == asked:
        return ""
    return f"the recording is not whole: {logged:,} requests are in its log, {asked:,} were planned"


def _no_numbers(recording: Recording) -> str:
    """Return which count of pods has entries that are no number."""
    for name, column in recording.series.items():
        if name.startswith("pods.") and not np.isfinite(column.astype(np.float64)).all():
            return f"the recording is not whole: {name} has entries that are no number"
    return ""
