"""One Prometheus histogram as an engine keeps it, counts by bucket and the sum; and its samples.

In plain Python: a scrape takes in few requests at a time, and a mock server imports no numpy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import fsum, inf
from operator import mul, sub

from scalecert.engines.base import Sample


class Tally:
    """One histogram: counts by bucket, not yet summed up, and the sum of what was observed."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0.0] * (len(self.bounds) + 1)
        self.sum = 0.0
        self.taken = 0
        """Requests of the history that are in it."""

    def observe(self, values: Sequence[float], weights: Sequence[float] | None = None) -> None:
        """Add observations, each as often as its weight says; once without any."""
        counts, bounds = self.counts, self.bounds
        if weights is None:
            for value in values:
                counts[bisect_left(bounds, value)] += 1.0
            self.sum += fsum(values)
            return
        for value, weight in zip(values, weights, strict=True):
            counts[bisect_left(bounds, value)] += weight
        self.sum += fsum(map(mul, values, weights))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was observed."""
        return not any(self.counts)

    def samples(
        self, name: str, labels: Mapping[str, str], written: Callable[[float], str] = repr
    ) -> Iterator[Sample]:
        """Yield the samples of the family `name`; bounds are as `written`, but for `+Inf`."""
        cumulative = 0.0
        for bound, count in zip((*self.bounds, inf), self.counts, strict=True):
            cumulative += count
            le = "+Inf" if bound == inf else written(bound)
            yield Sample(f"{name}_bucket", {**labels, "le": le}, cumulative)
        yield Sample(f"{name}_sum", labels, self.sum)
        yield Sample(f"{name}_count", labels, cumulative)

    def copy(self) -> Tally:
        """Return another tally with the same observations."""
        other = Tally(self.bounds)
        other.counts, other.sum = list(self.counts), self.sum
        return other


def differences(later: Iterable[float], earlier: Iterable[float]) -> list[float]:
    """Return how much each of one sequence is later than its counterpart in the other."""
    return list(map(sub, later, earlier))
