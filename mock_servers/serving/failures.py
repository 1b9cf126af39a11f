"""Which requests fail, when a share of them has to: evenly spread, and the same every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor


@dataclass(slots=True)
class Failures:
    """A share of requests that fail: of any n in a row, n times the share, to within one."""

    share: float = 0.0
    _seen: int = field(default=0, init=False)

    def set_share(self, share: float) -> None:
        """Let such a share fail from now on; counting begins anew."""
        self.share, self._seen = share, 0

    def next_fails(self) -> bool:
        """Tell whether the next request fails."""
        before = floor(self._seen * self.share)
        self._seen += 1
        return floor(self._seen * self.share) > before
