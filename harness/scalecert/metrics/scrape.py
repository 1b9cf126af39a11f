"""Scraping: one target's scrapes, written into the storage as Prometheus writes them.

A target keeps its own phase within the scrape interval; its series end with a staleness marker
when they, or the whole target, are gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scalecert.engines.base import Sample
from scalecert.metrics.relabel import relabel
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.metrics.tsdb import NAME_LABEL, Series, TimeSeriesDatabase

# Prometheus waits for two more scrapes and a tenth of the interval before it gives a vanished
# target up (scrape.go, endOfRunStaleness); the marker is dated to the first missed scrape.
_GIVE_UP_INTERVALS = 1.1


class Target:
    """One scraped endpoint of one pod.

    Args:
        config: what the endpoint's monitor says.
        labels: the target's labels.
        database: where samples go.
        phase_seconds: offset of its scrapes within the interval, in [0, interval).
        latency_seconds: how long a scrape takes; beyond the timeout every scrape fails.
        listening: whether anything listens on the port; if not, every scrape fails.
        reports_up: whether there is an `up` series of it. Not of the canary: queries over all
            of a namespace's `up` would count it.
    """

    def __init__(
        self,
        config: ScrapeConfig,
        labels: Mapping[str, str],
        database: TimeSeriesDatabase,
        *,
        phase_seconds: float,
        latency_seconds: float = 0.0,
        listening: bool = True,
        reports_up: bool = True,
    ) -> None:
        self.config = config
        self.labels = labels
        self._database = database
        self._phase_seconds = phase_seconds
        self._fails = not listening or latency_seconds > config.timeout_seconds
        self._number = 0
        self._last_seconds = -math.inf
        self._cache: dict[tuple[object, ...], Series | None] = {}
        self._reports_up = reports_up
        self._up = self._up_series()

    @property
    def next_seconds(self) -> float:
        """When the next scrape is due."""
        # A product, not a running sum: the phase must not drift over a long run.
        return self._phase_seconds + self._number * self.config.interval_seconds

    def start(self, now: float) -> None:
        """Begin scraping: the first scrape is the first of its phase at or after `now`."""
        elapsed = (now - self._phase_seconds) / self.config.interval_seconds
        self._number = max(0, math.ceil(elapsed))

    def scrape(self, now: float, samples: Sequence[Sample] | None) -> None:
        """Write what the pod exposed at `now`; None says that the scrape failed."""
        self._number += 1
        self._forget_dropped(now)
        if samples is None or self._fails:
            self._end_series(now, now)
            self._up.append(now, 0.0)
            return
        fresh: dict[tuple[object, ...], Series | None] = {}
        cache = self._cache
        for sample in samples:
            key: tuple[object, ...] = (sample.name, *sample.labels.items())
            series = cache[key] if key in cache else self._resolve(sample)
            fresh[key] = series
            if series is not None:
                series.append(now, sample.value)
        for key in cache.keys() - fresh.keys():
            if (gone := cache[key]) is not None:
                gone.mark_stale(now)
        self._cache = fresh
        self._up.append(now, 1.0)

    def skip(self) -> None:
        """Let a scrape pass that nobody does: nothing is written, not even that it failed."""
        self._number += 1

    def stop(self, now: float) -> None:
        """End every series: the target is gone at `now`."""
        missed = max(now, self.next_seconds)
        given_up = missed + _GIVE_UP_INTERVALS * self.config.interval_seconds
        self._end_series(missed, given_up)
        self._up.mark_stale(missed, given_up)

    def _up_series(self) -> Series:
        labels = {**self.labels, NAME_LABEL: "up"}
        return self._database.series(labels) if self._reports_up else Series(labels)

    def _forget_dropped(self, now: float) -> None:
        """Look series up anew after a pause in which the storage may have dropped them."""
        if now - self._last_seconds >= self._database.retention_seconds:
            self._cache = {}
            self._up = self._up_series()
        self._last_seconds = now

    def _end_series(self, time: float, visible_from: float) -> None:
        for series in self._cache.values():
            if series is not None:
                series.mark_stale(time, visible_from)
        self._cache = {}

    def _resolve(self, sample: Sample) -> Series | None:
        """Return the series of a sample not seen in the last scrape, None if a rule drops it."""
        kept = stored_labels(sample, self.labels, self.config)
        return None if kept is None else self._database.series(kept)


def stored_labels(
    sample: Sample, target_labels: Mapping[str, str], config: ScrapeConfig
) -> dict[str, str] | None:
    """Return the labels, name included, under which a sample is stored; None if a rule drops it."""
    labels = _merged(sample.labels, target_labels, honor_labels=config.honor_labels)
    labels[NAME_LABEL] = sample.name
    kept = relabel(labels, config.metric_relabelings)
    return kept if kept is not None and kept.get(NAME_LABEL) else None


def _merged(
    exposed: Mapping[str, str], target: Mapping[str, str], *, honor_labels: bool
) -> dict[str, str]:
    """Join exposed and target labels; on a clash `honorLabels` decides who keeps the name."""
    merged = dict(target)
    for name, value in exposed.items():
        if name in target and not honor_labels:
            merged[_exported(name, exposed)] = value
        elif value:
            merged[name] = value
        elif name not in target:
            continue
        else:
            # An honoured empty label removes the target's.
            del merged[name]
    return merged


def _exported(name: str, exposed: Mapping[str, str]) -> str:
    while True:
        name = f"exported_{name}"
        if name not in exposed:
            return name
