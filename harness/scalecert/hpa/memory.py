"""What the controller remembers between syncs; lost when its process restarts.

Plain lists, changed in place by `behavior`: nothing is pruned, and slots are reused in the order
that upstream reuses them, because a longer window can bring an old entry back.
Times are integer milliseconds of the caller's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from scalecert.hpa.selectors import Selector


class TimestampedRecommendation(NamedTuple):
    """A replica count that metrics asked for, before stabilization and limits."""

    recommendation: int
    timestamp_ms: int


class TimestampedScaleEvent(NamedTuple):
    """A scaling that was carried out; `replica_change` is never negative."""

    replica_change: int
    timestamp_ms: int
    outdated: bool = False
    """older than every policy's period when it was last looked at: its slot may be reused"""


@dataclass(slots=True)
class ControllerMemory:
    """Recommendations, scale events and selectors per HPA key (`namespace/name`)."""

    recommendations: dict[str, list[TimestampedRecommendation]] = field(default_factory=dict)
    scale_up_events: dict[str, list[TimestampedScaleEvent]] = field(default_factory=dict)
    scale_down_events: dict[str, list[TimestampedScaleEvent]] = field(default_factory=dict)
    selectors: dict[str, Selector] = field(default_factory=dict)

    def forget(self, key: str) -> None:
        """Forget an HPA that was deleted."""
        for table in (
            self.recommendations,
            self.scale_up_events,
            self.scale_down_events,
            self.selectors,
        ):
            table.pop(key, None)
