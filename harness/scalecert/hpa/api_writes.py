"""The end of a sync: the scale and the status are written, where they changed.

Nothing is sent anywhere; `ApiFaults` says what the API server would refuse.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from scalecert.hpa.status import HorizontalPodAutoscalerStatus
from scalecert.hpa.sync import ActionLabel, ErrorLabel, SyncError, SyncNotes, SyncOutcome

# client-go's retry.DefaultRetry, without its jitter
SCALE_UPDATE_ATTEMPTS: Final = 5
SCALE_UPDATE_RETRY_MS: Final = 10


def write_scale(notes: SyncNotes) -> str | None:
    """Write the scale, again after a conflict; return why it failed. Takes time."""
    faults = notes.faults
    if faults.update_scale is not None:
        return faults.update_scale
    retries = min(faults.scale_conflicts, SCALE_UPDATE_ATTEMPTS - 1)
    notes.now_ms += retries * SCALE_UPDATE_RETRY_MS
    if faults.scale_conflicts > retries:
        return faults.scale_conflict_text
    if notes.times.scaled_ms is not None:
        notes.now_ms = notes.times.scaled_ms
    return None


def finished(
    notes: SyncNotes, status: HorizontalPodAutoscalerStatus, desired: int, error: str | None
) -> SyncOutcome:
    """Write the status if it changed, and return a sync that scaled nothing."""
    status = replace(status, conditions=tuple(notes.conditions))
    problem = notes.faults.update_status
    if problem is not None and status != notes.before:
        notes.warn("FailedUpdateStatus", problem)
        status, error = notes.before, f"failed to update status for {notes.name}: {problem}"
    return SyncOutcome(
        replicas=None,
        desired_replicas=desired,
        status=status,
        events=tuple(notes.events),
        error=error,
        proposals=tuple(notes.proposals),
        action=ActionLabel.NONE,
        error_label=ErrorLabel.NONE if error is None else ErrorLabel.INTERNAL,
    )


def stopped(
    notes: SyncNotes, status: HorizontalPodAutoscalerStatus, desired: int, failure: SyncError
) -> SyncOutcome:
    """Write the status, and return a sync whose error is the failure, whatever the status does."""
    outcome = finished(notes, status, desired, None)
    return replace(outcome, error=str(failure), error_label=failure.label)
