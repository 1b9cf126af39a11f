"""One Prometheus histogram as an engine keeps it: counts by bucket, and the sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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

    def observe(self, values: Values, weights: Values) -> None:
        """Add observations, each as often as its weight says."""
        import numpy as np

        buckets = np.searchsorted(np.asarray(self.bounds), values, side="left")
        added = np.bincount(buckets, weights=weights, minlength=len(self.counts))
        self.counts = [count + float(more) for count, more in zip(self.counts, added, strict=True)]
        self.sum += float(np.dot(values, weights))

    def copy(self) -> Tally:
        """Return another tally with the same observations."""
        other = Tally(self.bounds)
        other.counts, other.sum = list(self.counts), self.sum
        return other
