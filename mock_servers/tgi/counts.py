"""What the router counts beside what reaches the model: the rest of its counters.

The engine counts every request that it is handed. The router counts more: on /v1 each request once
more, and those that it refuses itself; and of the answers to one prompt of which the best is
returned, only one (router/src/server.rs).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scalecert.engines.base import Sample

REQUESTS, SUCCESSES = "tgi_request_count", "tgi_request_success"
FAILURES = "tgi_request_failure"


@dataclass(slots=True)
class RouterCounts:
    """What is to be added to the engine's counts; less than none where that counts more.

    Attributes:
        requests: that came.
        successes: answered.
        failures: not answered, by reason.
    """

    requests: int = 0
    successes: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def fail(self, reason: str) -> None:
        """Count a request that the engine has not seen, and why it is not answered."""
        self.requests += 1
        self.failures[reason] += 1

    def answer_once_of(self, answers: int) -> None:
        """Count so many of the engine's requests as one that is answered."""
        self.requests -= answers - 1
        self.successes -= answers - 1

    def added_to(self, name: str, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Return a family's samples with these counts; what is never counted does not exist."""
        if name == REQUESTS:
            return _plus(name, samples, {"": self.requests}, "")
        if name == SUCCESSES:
            return _plus(name, samples, {"": self.successes}, "")
        if name == FAILURES:
            return _plus(name, samples, self.failures, "err")
        return samples


def _plus(name: str, samples: Sequence[Sample], more: dict[str, int], label: str) -> list[Sample]:
    counts: Counter[str] = Counter(more)
    for sample in samples:
        counts[sample.labels.get(label, "")] += int(sample.value)
    return [
        Sample(name, {label: value} if label else {}, float(count))
        for value, count in counts.items()
        if count
    ]
