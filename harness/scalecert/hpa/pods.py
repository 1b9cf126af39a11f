"""Pods as the controller sees them.

Requests are milli-units, times integer milliseconds of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

# A zero metav1.Time (year 1, counted from the Unix epoch): earlier than every time that is set.
ZERO_TIME_MS: Final = -62_135_596_800_000
RESTART_ALWAYS: Final = "Always"


class PodPhase(StrEnum):
    """status.phase of a pod."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class Container(msgspec.Struct, frozen=True):
    """A container and its resource requests (milli-units per resource name)."""

    name: str
    requests_milli: Mapping[str, int] = {}
    restart_policy: str | None = None


class PodSpec(msgspec.Struct, frozen=True):
    """What a pod requests. `requests_milli` are those of the pod itself (spec.resources)."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    requests_milli: Mapping[str, int] = {}
    overhead_milli: Mapping[str, int] = {}


class ReadyCondition(msgspec.Struct, frozen=True):
    """The pod condition Ready; `status` is "True", "False" or "Unknown"."""

    status: str
    last_transition_time_ms: int = ZERO_TIME_MS


class Pod(msgspec.Struct, frozen=True):
    """A pod, as far as scaling cares."""

    name: str
    labels: Mapping[str, str] = {}
    phase: str = PodPhase.RUNNING
    start_time_ms: int | None = None
    ready: ReadyCondition | None = None
    deleted: bool = False
    """has a deletionTimestamp: is going away"""
    spec: PodSpec = PodSpec()

    @property
    def is_ready(self) -> bool:
        """Whether the Ready condition is True."""
        return self.ready is not None and self.ready.status == "True"
