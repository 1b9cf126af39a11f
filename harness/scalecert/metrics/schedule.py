"""When the endpoints of one pod are due to be scraped, and its usage to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scalecert.engines.base import Sample
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.resource import MetricsServer
from scalecert.metrics.scrape import Target


class PodSchedule:
    """The scrapes of one pod: one for each target that it is, and the kubelet's reports.

    Args:
        name: the pod's name.
        targets: its targets; none if no monitor selects it.
        resources: who reads its usage; None if nothing asks for it.
        conditions: how often usage is read, and when nothing is collected at all.
        started_seconds: when its container started.
    """

    def __init__(
        self,
        name: str,
        targets: Sequence[Target],
        resources: MetricsServer | None,
        conditions: MetricConditions,
        *,
        started_seconds: float,
    ) -> None:
        self._name = name
        self._targets = tuple(targets)
        self._resources = resources
        self._conditions = conditions
        self._started_seconds = started_seconds
        self._resolution_seconds = float(conditions.resource_resolution)
        self._reports = 0

    def next_seconds(self) -> float:
        """Return when the next scrape or report is due, inf if nothing looks at the pod."""
        due = min((target.next_seconds for target in self._targets), default=math.inf)
        return min(due, self._report_seconds())

    def _report_seconds(self) -> float:
        if self._resources is None:
            return math.inf
        return self._started_seconds + self._reports * self._resolution_seconds

    def scrape(self, now: float, samples: Sequence[Sample] | None, busy_seconds: float) -> None:
        """Do what is due at `now`, or let it pass while nothing is collected."""
        collects = self._collects(now)
        for target in self._targets:
            if target.next_seconds <= now:
                if collects:
                    target.scrape(now, samples)
                else:
                    target.skip()
        if self._resources is not None and self._report_seconds() <= now:
            self._reports += 1
            if collects:
                self._resources.report(self._name, now, busy_seconds)

    def stop(self, now: float) -> None:
        """End the pod's series: it is gone at `now`; while nothing is collected nobody notes it."""
        if self._collects(now):
            for target in self._targets:
                target.stop(now)

    def _collects(self, now: float) -> bool:
        return not self._conditions.is_down("scrape", now)
