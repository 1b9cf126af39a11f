"""A real Prometheus: the adapters' queries over its HTTP API.

Times are unix seconds and spans seconds of the clock; queries are those of the run, and are made
to fit (`time_lapse`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util import Retry

from scalecert.metrics.promql import Element, EvaluationError, Expression
from scalecert.metrics.promql.syntax import RangeSelector, VectorSelector
from scalecert.metrics.tsdb import NAME_LABEL, Matcher
from scalecert.worlds.local.metrics_apis.time_lapse import lapsed

TIMEOUT_SECONDS: Final = 3
"""For an answer; a request of the HPA itself may take 30 s (client-go's default)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Samples:
    """One series' samples: times in unix seconds, ascending. Staleness markers are none."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


class SampleSource(Protocol):
    """Where samples come from."""

    def samples(
        self, matchers: Sequence[Matcher], now: float, span_seconds: float
    ) -> Sequence[Samples]:
        """Return what was scraped in the last seconds before `now`; EvaluationError if it can't."""
        ...


class HttpPrometheus:
    """The HTTP API of one Prometheus.

    Every method raises `EvaluationError` where it refuses or does not answer in time.

    Args:
        url: where it listens.
        delay_seconds: until a sample may be seen by a query: queries are made that long ago.
        time_lapse: seconds of the run in one of the clock.
        listed: names of series that are ever to be listed, None for all. An adapter lists all that
            its rules take, with its default rules thousands, and is asked for a few.
    """

    def __init__(
        self, url: str, *, delay_seconds: float, time_lapse: int, listed: Iterable[str] | None
    ) -> None:
        session = requests.Session()
        # A proxy of the user's would be asked for addresses of this machine.
        session.trust_env = False
        # The client's default would try for 7 s, and hide what it hears from the autoscaler.
        self._client = PrometheusConnect(
            url, session=session, retry=Retry(total=0), timeout=TIMEOUT_SECONDS
        )
        self._delay_seconds = delay_seconds
        self._time_lapse = time_lapse
        names = None if listed is None else "|".join(map(re.escape, sorted(listed)))
        self._listed = () if names is None else (Matcher(NAME_LABEL, "=~", names),)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def query(self, expression: Expression, now: float) -> float | list[Element]:
        """Return the value of a query of the run at `now`: a scalar or an instant vector."""
        found = self._query(lapsed(expression, self._time_lapse), now - self._delay_seconds)
        if found and not isinstance(found[0], dict):
            return float(found[1])
        return [Element(one["metric"], float(one["value"][1])) for one in found]

    def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> Iterable[Mapping[str, str]]:
        """Return the labels of listed series with a sample, or its end, in [start, end]."""
        selector = {"match[]": str(VectorSelector((*matchers, *self._listed)))}
        first, last = (datetime.fromtimestamp(at, UTC) for at in (start, end))
        found: list[Mapping[str, str]] = _asked(
            lambda: self._client.get_series(first, last, selector)
        )
        return found

    def samples(
        self, matchers: Sequence[Matcher], now: float, span_seconds: float
    ) -> list[Samples]:
        """Return what was scraped in the last seconds, delayed or not."""
        found = self._query(RangeSelector(VectorSelector(tuple(matchers)), span_seconds), now)
        return [_samples(one["metric"], one["values"]) for one in found]

    def _query(self, expression: Expression, time: float) -> list[Any]:
        found: list[Any] = _asked(
            lambda: self._client.custom_query(str(expression), params={"time": f"{time:.3f}"})
        )
        return found


def _samples(labels: Mapping[str, str], points: Sequence[tuple[float, str]]) -> Samples:
    times, values = zip(*points, strict=True)
    return Samples(labels, times, tuple(map(float, values)))


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (requests.RequestException, PrometheusApiClientException, ValueError) as error:
        raise EvaluationError(f"Prometheus: {error}") from error
