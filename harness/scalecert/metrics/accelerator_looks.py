"""Who looks at the accelerators of a node, when, and what becomes of what they see.

A collection takes two looks: one at the start of the collector's short window, one at its end. What
an exporter saw stands on its page until its next collection, and every scrape repeats it; what
Google Cloud saw is written at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scalecert.engines.base import Activity, Sample
from scalecert.exporters.base import Chip, Exporter, Readings
from scalecert.exporters.device import Device, Moment
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.gke import SystemStore
from scalecert.metrics.schedule import PodSchedule

OPENING_SECONDS = 10.0
"""When pods that a run begins with are collected first, all at once: they have been there for long,
so that a run must not begin with figures of some of them."""


class Collector(Protocol):
    """Who looks at accelerators again and again."""

    collection_seconds: float
    recent_seconds: float
    phase_seconds: float

    def collect(self, chips: Sequence[Chip], readings: Readings, now: float) -> None:
        """Take what the accelerators of one pod showed at `now`."""

    def forget(self, pod: str, now: float) -> None:
        """Drop a pod that is gone at `now`."""

    def catch_up(self, now: float) -> None:
        """Do what was due by `now`."""


class ExporterOnNode:
    """An exporter's page on one node, and its scrapes."""

    def __init__(
        self,
        exporter: Exporter,
        names: Sequence[str],
        schedule: PodSchedule,
        phase_seconds: float,
    ) -> None:
        self.collection_seconds = exporter.collection_seconds
        self.recent_seconds = exporter.recent_seconds
        self.phase_seconds = phase_seconds
        self._exporter = exporter
        self._names = tuple(names)
        self._schedule = schedule
        self._page: dict[str, list[Sample]] = {}

    def collect(self, chips: Sequence[Chip], readings: Readings, now: float) -> None:
        """Put a pod's accelerators on the page."""
        self.catch_up(now)
        self._page[chips[0].holder.pod] = [
            sample
            for chip in chips
            for sample in self._exporter.samples(self._names, chip, readings)
        ]

    def forget(self, pod: str, now: float) -> None:
        """Take a pod's accelerators off the page."""
        self.catch_up(now)
        self._page.pop(pod, None)

    def catch_up(self, now: float) -> None:
        """Do the scrapes that were due by `now`, of the page as it is."""
        while (due := self._schedule.next_seconds()) <= now:
            page = [sample for samples in self._page.values() for sample in samples]
            self._schedule.scrape(due, page, 0.0)


class CloudAgent:
    """Google Cloud's own collection on one node."""

    def __init__(
        self,
        store: SystemStore,
        types: Sequence[str],
        conditions: MetricConditions,
        phase_seconds: float,
    ) -> None:
        self.collection_seconds = store.metrics.collection_seconds
        self.recent_seconds = store.metrics.recent_seconds
        self.phase_seconds = phase_seconds
        self._store = store
        self._types = tuple(types)
        self._conditions = conditions

    def collect(self, chips: Sequence[Chip], readings: Readings, now: float) -> None:
        """Write what a pod's accelerators show, unless nothing is collected."""
        if not self._conditions.is_down("scrape", now):
            for chip in chips:
                for metric_type in self._types:
                    self._store.write(metric_type, chip, readings, now)

    def forget(self, pod: str, now: float) -> None:
        """Do nothing: there are no staleness markers in Cloud Monitoring."""

    def catch_up(self, now: float) -> None:
        """Do nothing: what was collected is written at once."""


@dataclass(slots=True)
class Meter:
    """One collector's looks at one server."""

    collector: Collector
    started_seconds: float
    number: int = field(init=False)
    at_opening: bool = field(init=False)
    """Whether the next collection is the one of pods that the run begins with."""
    opening: Moment | None = None
    """The look at the start of the short window, if it has been."""
    last: Moment | None = None
    """The look of the collection before."""

    def __post_init__(self) -> None:
        self.at_opening = self.started_seconds == 0.0
        first = OPENING_SECONDS if self.at_opening else self.started_seconds
        elapsed = first - self.collector.phase_seconds
        self.number = max(0, math.ceil(elapsed / self.collector.collection_seconds))

    def collection_at(self) -> float:
        """Return the time of the next collection."""
        if self.at_opening:
            return OPENING_SECONDS
        return self.collector.phase_seconds + self.number * self.collector.collection_seconds

    def collected(self) -> None:
        """Go on to the collection after the next."""
        self.number += 0 if self.at_opening else 1
        self.at_opening = False

    def next_seconds(self) -> float:
        """Return the time of the next look."""
        due = self.collection_at()
        if self.opening is not None:
            return due
        return max(self.started_seconds, due - self.collector.recent_seconds)

    def look(
        self, now: float, activity: Activity | None, device: Device, chips: Sequence[Chip]
    ) -> None:
        """Take a look that was due at `now`."""
        if self.opening is None:
            self.opening = (now, activity)
            if now < self.collection_at():
                return
        readings = device.readings(self.opening, self.last, (now, activity))
        self.collector.collect(chips, readings, now)
        self.collected()
        self.opening, self.last = None, (now, activity)
