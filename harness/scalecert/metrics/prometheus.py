"""What prometheus-adapter asks of Prometheus, and the answers out of a run's own storage.

A world with a real Prometheus puts its HTTP API in the place of `StoredPrometheus`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from scalecert.metrics.promql import Element, Expression, evaluate
from scalecert.metrics.tsdb import Matcher, TimeSeriesDatabase


class Prometheus(Protocol):
    """Prometheus' HTTP API, as far as the adapter uses it. Times are in the caller's seconds.

    Each method raises `EvaluationError` where Prometheus refuses, or does not answer.
    """

    def query(self, expression: Expression, now: float) -> float | list[Element]:
        """Return the value of a query at `now`: a scalar or an instant vector."""
        ...

    def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> Iterable[Mapping[str, str]]:
        """Return the labels, name included, of the series with a sample in (start, end]."""
        ...


class StoredPrometheus:
    """A Prometheus over a storage.

    Args:
        database: what was scraped.
        delay_seconds: from a scrape to its visibility in queries.
    """

    def __init__(self, database: TimeSeriesDatabase, delay_seconds: float) -> None:
        self._database = database
        self._delay_seconds = delay_seconds

    def query(self, expression: Expression, now: float) -> float | list[Element]:
        """Return the value of a query at `now`."""
        return evaluate(expression, self._database.at(now, self._delay_seconds), now)

    def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> Iterable[Mapping[str, str]]:
        """Return the labels of the series with a visible sample in (start, end]."""
        view = self._database.at(end, self._delay_seconds)
        return (
            series.labels
            for series in self._database.select(matchers)
            if view.newest(series, end, end - start) is not None
        )
