"""What became of every request that a service was sent: each ends in one of four accounts.

    received = finished + refused + disconnected + aborted + outstanding

They are kept where connections are (`serving.connections`), so nothing an application does or
forgets can unbalance them.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = "refused"
"""The key in an ASGI scope's `state` of a request that got no proper answer."""
BY_FAULT = "by_fault"
"""The key of one that a fault answered instead of the application."""


@dataclass(slots=True)
class Books:
    """The requests of one service.

    Attributes:
        received: whose head came.
        finished: answered to the end.
        refused: answered with an error, as status or within the answer.
        disconnected: whose client left before the end of the answer.
        aborted: cut off by the server.
        refused_by_faults: of those refused, the ones that only a fault refused.
        turned_away: connections beyond the limit; they were not asked what they wanted.
    """

    received: int = 0
    finished: int = 0
    refused: int = 0
    disconnected: int = 0
    aborted: int = 0
    refused_by_faults: int = 0
    turned_away: int = 0

    def outstanding(self) -> int:
        """Return how many requests are in none of the accounts yet."""
        ended = self.finished + self.refused + self.disconnected + self.aborted
        return self.received - ended
