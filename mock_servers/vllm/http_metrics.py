"""The series of HTTP requests that vLLM's API server shows.

They are those of prometheus-fastapi-instrumentator 8 with its defaults (its metrics.py and
middleware.py), as vllm/entrypoints/serve/instrumentator/metrics.py sets it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mock_servers.serving.python_metrics import Family
from scalecert.engines.base import MetricInfo, Sample
from scalecert.engines.python_client import written
from scalecert.engines.tally import Tally

UNKNOWN = "none"
"""The handler of a request to a path that there is not, or with a method that it has not."""

UNCOUNTED = frozenset({"/metrics", "/metrics/", "/health", "/load", "/ping", "/version"})

_FINE = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0,
    7.5, 10.0, 30.0, 60.0,
)  # fmt: skip
_COARSE = (0.1, 0.5, 1.0)
_REQUESTS = MetricInfo(
    "http_requests_total", "counter", "requests", ("handler", "method", "status"),
    help="HTTP requests by method, status and handler.",
)  # fmt: skip
_ASKED = MetricInfo(
    "http_request_size_bytes", "summary", "bytes", ("handler",),
    help="Content length of requests by handler.",
)  # fmt: skip
_ANSWERED = MetricInfo(
    "http_response_size_bytes", "summary", "bytes", ("handler",),
    help="Content length of answers by handler; 0 for streams.",
)  # fmt: skip
_ALL_SECONDS = MetricInfo(
    "http_request_duration_highr_seconds", "histogram", "seconds",
    help="Duration of HTTP requests in many buckets.",
)  # fmt: skip
_SECONDS = MetricInfo(
    "http_request_duration_seconds", "histogram", "seconds", ("handler", "method"),
    help="Duration of HTTP requests by handler in few buckets.",
)  # fmt: skip


class HttpMetrics:
    """What one server's HTTP requests add up to."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._bytes: dict[str, list[float]] = {}
        self._all_seconds = Tally(_FINE)
        self._seconds: dict[tuple[str, str], Tally] = {}

    def observe(
        self,
        handler: str,
        method: str,
        status: int,
        *,
        asked_bytes: int,
        answered_bytes: int,
        seconds: float,
    ) -> None:
        """Take in a request that has been answered; `handler` is the path, or `UNKNOWN`."""
        self._requests[handler, method, f"{status // 100}xx"] += 1
        sizes = self._bytes.setdefault(handler, [0.0, 0.0, 0.0])
        for place, more in enumerate((1.0, asked_bytes, answered_bytes)):
            sizes[place] += more
        self._all_seconds.observe([seconds])
        self._seconds.setdefault((handler, method), Tally(_COARSE)).observe([seconds])

    def families(self) -> list[Family]:
        """Return the families with their samples now, in order."""
        fine = list(self._all_seconds.samples(_ALL_SECONDS.name, {}, written))
        return [
            (_REQUESTS, list(self._request_samples())),
            (_ASKED, list(self._size_samples(_ASKED.name, 1))),
            (_ANSWERED, list(self._size_samples(_ANSWERED.name, 2))),
            (_ALL_SECONDS, fine),
            (_SECONDS, list(self._second_samples())),
        ]

    def _request_samples(self) -> Iterator[Sample]:
        for (handler, method, status), count in self._requests.items():
            labels = {"handler": handler, "method": method, "status": status}
            yield Sample(_REQUESTS.name, labels, float(count))

    def _size_samples(self, name: str, place: int) -> Iterator[Sample]:
        for handler, sizes in self._bytes.items():
            labels = {"handler": handler}
            yield Sample(f"{name}_count", labels, sizes[0])
            yield Sample(f"{name}_sum", labels, sizes[place])

    def _second_samples(self) -> Iterator[Sample]:
        for (handler, method), tally in self._seconds.items():
            labels = {"handler": handler, "method": method}
            yield from tally.samples(_SECONDS.name, labels, written)
