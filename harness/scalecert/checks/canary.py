"""Whether the harness's own metric pipeline was alive, by the canary that a world records.

The judge asks before it believes any finding: with a dead pipeline a good policy reads nothing
too. Paths are judged apart, and the worst of them counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scalecert.checks.finding import format_measure
from scalecert.metrics.conditions import (
    CANARY_INTERVAL_SECONDS,
    GOOGLE_INGESTION_DELAY_SECONDS,
    MetricConditions,
)
from scalecert.recording.model import Column, Recording

LEAST_CANARY = 0.95
"""Share of syncs with a fresh heartbeat; as much as `signal-present` asks of a policy's metric."""

_PREFIX, _SUFFIX = "sync.canary.", ".age_seconds"

_Mask: TypeAlias = npt.NDArray[np.bool_]


def stale_after_seconds(conditions: MetricConditions) -> float:
    """Return the age from which a heartbeat says that nothing is collected any more.

    A heartbeat is visible once it was scraped and ingested, and then the newest for an interval;
    a second interval is there because one missed scrape is no outage.
    """
    interval = max(CANARY_INTERVAL_SECONDS, float(conditions.resource_resolution))
    return 2 * interval + _delay_seconds(conditions)


def settled_after_seconds(conditions: MetricConditions) -> float:
    """Return when, from the start of a run, a healthy pipeline must have had a first answer.

    Discovery of the target, its first scrape, ingestion, and the adapter's next look at what
    series there are. metrics-server needs two reports instead.
    """
    prometheus = (
        float(conditions.target_discovery)
        + CANARY_INTERVAL_SECONDS
        + _delay_seconds(conditions)
        + float(conditions.adapter_relist_interval)
    )
    return max(prometheus, 2 * float(conditions.resource_resolution))


def _delay_seconds(conditions: MetricConditions) -> float:
    """Return the longest time from a scrape to its visibility, whichever the path."""
    given = conditions.ingestion_delay
    ingestion = GOOGLE_INGESTION_DELAY_SECONDS if given is None else float(given)
    return float(conditions.scrape_latency) + ingestion


def pipeline_failure(recording: Recording) -> str:
    """Return how the harness's metric pipeline failed, empty if it did its work.

    A world without a canary has no pipeline of its own to doubt.
    """
    beats = [
        _beats(recording, name.removeprefix(_PREFIX).removesuffix(_SUFFIX), column)
        for name, column in recording.series.items()
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
    ]
    worst = min(beats, key=_Beats.share, default=None)
    if worst is None or worst.share() >= LEAST_CANARY:
        return ""
    return worst.failure(recording)


@dataclass(frozen=True, slots=True)
class _Beats:
    """One path's heartbeats at the syncs by which there had to be one.

    `ages` are seconds, NaN where the metrics API had no answer; `fresh` tells which count.
    """

    path: str
    times: npt.NDArray[np.float64]
    ages: npt.NDArray[np.float64]
    fresh: _Mask

    def share(self) -> float:
        """Return the share of fresh heartbeats; none at all is a share of 0."""
        return float(np.count_nonzero(self.fresh)) / self.times.size if self.times.size else 0.0

    def failure(self, recording: Recording) -> str:
        """Say which path was dead, from when to when and why."""
        if not self.times.size:
            return (
                f"the run ended before the harness's canary could arrive over {self.path}, so that"
                " nothing tells whether its metric pipeline was alive"
            )
        lost = int(np.count_nonzero(~self.fresh))
        first, last = self._longest_gap()
        others = "" if lost == last - first + 1 else " with shorter gaps"
        return (
            f"the harness's own metric pipeline ({self.path}) was dead from"
            f" {self._died(first)} to {self._back(last)}, {lost} of {self.times.size}"
            f" syncs{others}: {self._why(first, recording.events)}"
        )

    def _longest_gap(self) -> tuple[int, int]:
        """Return the first and the last sync of the longest gap, by index."""
        return max(self._gaps(), key=lambda gap: gap[1] - gap[0])

    def _gaps(self) -> Iterator[tuple[int, int]]:
        for is_fresh, group in groupby(range(self.fresh.size), key=self.fresh.__getitem__):
            if not is_fresh:
                indexes = list(group)
                yield indexes[0], indexes[-1]

    def _died(self, first: int) -> str:
        """Return the newest heartbeat's time where it tells, else that of the first sync lost."""
        if first == 0:
            return "the start of the run"
        age = self.ages[first]
        return f"{self.times[first] - (0.0 if np.isnan(age) else age):.0f} s"

    def _back(self, last: int) -> str:
        following = last + 1
        if following == self.times.size:
            return "the end of the run"
        return f"{self.times[following]:.0f} s"

    def _why(self, first: int, events: tuple[Mapping[str, object], ...]) -> str:
        """Return the part that was down, as far as the gap's beginning tells."""
        age = self.ages[first]
        if not np.isnan(age):
            return (
                f"nothing was scraped, the newest heartbeat was {format_measure(float(age), 's')}"
                " old and still served"
            )
        return f"the metrics API had no answer{self._error(float(self.times[first]), events)}"

    def _error(self, time: float, events: tuple[Mapping[str, object], ...]) -> str:
        """Return what the API had said by then."""
        said = [
            str(event.get("error", ""))
            for event in events
            if event.get("kind") == "canary"
            and event.get("path") == self.path
            and _seconds(event) <= time + _ROUNDING_SECONDS
        ]
        return f" ({' '.join(said[-1].split())})" if said and said[-1] else ""


_ROUNDING_SECONDS = 1e-6
"""Times of events are rounded, those of series are not."""


def _seconds(event: Mapping[str, object]) -> float:
    time = event.get("time", 0.0)
    return float(time) if isinstance(time, int | float) else 0.0


def _beats(recording: Recording, path: str, column: Column) -> _Beats:
    """Return a path's heartbeats from the first that came, or had to come, on."""
    conditions = recording.plan.scenario.spec.cluster.metrics
    ages = column.astype(np.float64)
    times = recording.series["sync.time_seconds"].astype(np.float64)
    # An age far below zero is a broken clock, no heartbeat.
    fresh = np.abs(ages) <= stale_after_seconds(conditions)
    arrived = float(times[fresh].min(initial=np.inf))
    due = times >= min(arrived, settled_after_seconds(conditions))
    return _Beats(path, times[due], ages[due], fresh[due])
