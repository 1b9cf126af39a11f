"""The log of answered requests: a line of JSON each, from which the run's syncs are made."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from scalecert.metrics.canary import GOOGLE_METRIC, METRIC, SELECTOR
from scalecert.worlds.local.metrics_apis.requests import Asked


class AnsweredRequest(msgspec.Struct, frozen=True):
    """One request and its answer.

    `time` is when it came in, unix seconds; `object` the described object's name, `*` for those
    that the selector `pods` takes; `selector` that of series. A value has `name` and `milli`; one
    of the resource API `container` and, by resource, `usage` in milli-units, with the `timestamp`
    (unix seconds) and `window` (seconds) that it is a mean of. `canary` says that the harness asked
    for its own series.
    """

    time: float
    agent: str
    api: str
    metric: str
    namespace: str
    object: str
    pods: str
    selector: str
    status: int
    message: str
    values: tuple[dict[str, Any], ...]
    canary: bool

    @classmethod
    def of(
        cls,
        asked: Asked,
        *,
        time: float,
        agent: str,
        status: int,
        message: str,
        values: tuple[dict[str, Any], ...],
    ) -> Self:
        """Return the line of a request."""
        return cls(
            time=time,
            agent=agent,
            api=asked.api,
            metric=asked.metric,
            namespace=asked.namespace,
            object=asked.name,
            pods=asked.selector,
            selector=asked.metric_selector,
            status=status,
            message=message,
            values=values,
            canary=asked.metric in (METRIC, GOOGLE_METRIC) or asked.selector == str(SELECTOR),
        )


class RequestLog:
    """A file that lines are added to; each is there when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, line: AnsweredRequest) -> None:
        """Add a line."""
        self._file.write(msgspec.json.encode(line) + b"\n")

    def __enter__(self) -> Self:
        """Return the log, which is closed at the end of the `with`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()
