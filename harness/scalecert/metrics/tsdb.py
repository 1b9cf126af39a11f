"""A small in-memory Prometheus storage: what was scraped, as queries may see it.

Scrapes append, adapters read through a `View`, which is the storage as a query at one time sees
it: samples appear only after the ingestion delay, and staleness markers hide what has gone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

LOOKBACK_SECONDS = 300.0
"""How far back an instant lookup goes (Prometheus' `--query.lookback-delta`)."""

NAME_LABEL = "__name__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label matcher; `operator` is one of `=`, `!=`, `=~`, `!~`, regexes match whole values.

    A label that a series lacks counts as empty, as in Prometheus.
    """

    label: str
    operator: str
    value: str

    def matches(self, value: str) -> bool:
        """Tell whether a label's value satisfies the matcher."""
        return _predicate(self.operator, self.value)(value)

    def __str__(self) -> str:
        text = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{text}"'


@lru_cache(maxsize=1024)
def _predicate(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "=":
        return value.__eq__
    if operator == "!=":
        return value.__ne__
    pattern = re.compile(value, re.DOTALL)
    if operator == "=~":
        return lambda text: pattern.fullmatch(text) is not None
    return lambda text: pattern.fullmatch(text) is None


@dataclass(slots=True, eq=False)
class Series:
    """One time series: `labels` include the name; times ascend, in seconds of the run.

    `stale` holds staleness markers as (marker's time, time from which queries see it): Prometheus
    dates the marker of a vanished target back to the first missed scrape but writes it later.
    """

    labels: Mapping[str, str]
    unnamed: Mapping[str, str] = field(init=False)
    """The labels without the name, which most functions drop."""
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    stale: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.unnamed = {key: value for key, value in self.labels.items() if key != NAME_LABEL}

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.labels[NAME_LABEL]

    def append(self, time: float, value: float) -> None:
        """Add a sample; one that is not newer than the last is dropped, as Prometheus does."""
        if not self.times or time > self.times[-1]:
            self.times.append(time)
            self.values.append(value)

    def mark_stale(self, time: float, visible_from: float | None = None) -> None:
        """End the series at `time` until its next sample; queries see it from `visible_from`."""
        self.stale.append((time, time if visible_from is None else visible_from))

    def drop_before(self, time: float) -> None:
        """Forget what is older than `time`."""
        keep = bisect_right(self.times, time)
        del self.times[:keep], self.values[:keep]
        if self.stale:
            self.stale = [marker for marker in self.stale if marker[0] >= time]


_Key: TypeAlias = tuple[tuple[str, str], ...]


class TimeSeriesDatabase:
    """Series by name and labels.

    Args:
        retention_seconds: how far back queries reach; older samples are dropped by and by, so
            that memory follows the number of living series and not the length of the run.
    """

    def __init__(self, retention_seconds: float = LOOKBACK_SECONDS) -> None:
        self.retention_seconds = retention_seconds
        self._by_name: dict[str, dict[_Key, Series]] = {}
        self._next_prune = retention_seconds
        # Queries repeat from sync to sync while series come and go with pods only.
        self._selections: dict[tuple[Matcher, ...], tuple[Series, ...]] = {}

    def series(self, labels: Mapping[str, str]) -> Series:
        """Return the series with exactly these labels (name included), creating it if new."""
        group = self._by_name.setdefault(labels[NAME_LABEL], {})
        key = tuple(sorted(labels.items()))
        found = group.get(key)
        if found is None:
            found = group[key] = Series(dict(key))
            self._selections.clear()
        return found

    def knows(self, name: str) -> bool:
        """Tell whether any series of this name was ever written."""
        return name in self._by_name

    def names(self) -> tuple[str, ...]:
        """Return every metric name ever written, in order of first appearance."""
        return tuple(self._by_name)

    def select(self, matchers: Sequence[Matcher]) -> tuple[Series, ...]:
        """Return the series that satisfy every matcher, in order of creation."""
        key = tuple(matchers)
        found = self._selections.get(key)
        if found is None:
            found = self._selections[key] = tuple(self._find(key))
        return found

    def _find(self, matchers: Sequence[Matcher]) -> Iterator[Series]:
        others = [
            (matcher.label, _predicate(matcher.operator, matcher.value))
            for matcher in matchers
            if matcher.label != NAME_LABEL
        ]
        for group in self._groups(matchers):
            for series in group.values():
                if all(accepts(series.labels.get(label, "")) for label, accepts in others):
                    yield series

    def _groups(self, matchers: Sequence[Matcher]) -> Iterator[Mapping[_Key, Series]]:
        on_name = [matcher for matcher in matchers if matcher.label == NAME_LABEL]
        exact = next((matcher.value for matcher in on_name if matcher.operator == "="), None)
        candidates: Iterable[str] = self._by_name if exact is None else (exact,)
        for name in candidates:
            if name in self._by_name and all(matcher.matches(name) for matcher in on_name):
                yield self._by_name[name]

    def prune(self, now: float) -> None:
        """Drop samples beyond the retention, and series without any left; cheap when not due."""
        if now < self._next_prune:
            return
        self._next_prune = now + self.retention_seconds / 2
        oldest = now - self.retention_seconds
        for group in self._by_name.values():
            for series in group.values():
                series.drop_before(oldest)
            for key in [key for key, series in group.items() if not series.times]:
                del group[key]
        self._selections.clear()

    def at(self, now: float, delay_seconds: float = 0.0) -> View:
        """Return the storage as a query at `now` sees it, samples arriving `delay_seconds` late."""
        return View(self, now, now - delay_seconds)


@dataclass(frozen=True, slots=True)
class View:
    """The storage at the query time `now`, with samples up to `horizon` ingested."""

    database: TimeSeriesDatabase
    now: float
    horizon: float

    def instant(
        self, matchers: Sequence[Matcher], time: float, lookback_seconds: float = LOOKBACK_SECONDS
    ) -> list[tuple[Series, float]]:
        """Return each matching series with its newest value in (time - lookback, time]."""
        found = []
        for series in self.database.select(matchers):
            newest = self.newest(series, time, lookback_seconds)
            if newest is not None and not self.is_stale(series, newest[0], time):
                found.append((series, newest[1]))
        return found

    def newest(
        self, series: Series, time: float, lookback_seconds: float
    ) -> tuple[float, float] | None:
        """Return time and value of the newest sample in (time - lookback, time], stale or not."""
        index = bisect_right(series.times, min(time, self.horizon)) - 1
        if index < 0 or series.times[index] <= time - lookback_seconds:
            return None
        return series.times[index], series.values[index]

    def is_stale(self, series: Series, sample_time: float, time: float) -> bool:
        """Tell whether a marker that has been ingested lies between a sample and `time`."""
        return any(
            sample_time < marker <= time and visible <= self.horizon
            for marker, visible in series.stale
        )

    def range(
        self, matchers: Sequence[Matcher], time: float, range_seconds: float
    ) -> list[tuple[Series, list[float], list[float]]]:
        """Return each matching series with its samples in (time - range, time]: times, values.

        The range is open at its start, as in Prometheus 3. Series without a sample are left out;
        staleness markers are no samples.
        """
        found = []
        for series in self.database.select(matchers):
            times, values = self.window(series, time, range_seconds)
            if times:
                found.append((series, times, values))
        return found

    def window(
        self, series: Series, time: float, range_seconds: float
    ) -> tuple[list[float], list[float]]:
        """Return the times and values of one series in (time - range, time]."""
        first = bisect_right(series.times, time - range_seconds)
        last = bisect_right(series.times, min(time, self.horizon))
        return series.times[first:last], series.values[first:last]
