"""One Prometheus histogram as an engine keeps it, counts by bucket and the sum; and its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from scalecert.engines.base import Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]


class Tally:
    """One histogram: counts by bucket, not yet summed up, and the sum of what was observed."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0.0] * (len(self.bounds) + 1)
        self.sum = 0.0
        self.taken = 0
        """Requests of the history that are in it."""

    def observe(self, values: Values, weights: Values | None = None) -> None:
        """Add observations, each as often as its weight says; once without any."""
        import numpy as np

        if weights is None:
            weights = np.ones(len(values))
        buckets = np.searchsorted(np.asarray(self.bounds), values, side="left")
        added = np.bincount(buckets, weights=weights, minlength=len(self.counts))
        self.counts = [count + float(more) for count, more in zip(self.counts, added, strict=True)]
        self.sum += float(np.dot(values, weights))

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
