"""What JetStream's histograms have observed: packed at each event, sorted into buckets when asked.

An observation belongs to an event that happens once to each request, in this order: its prefill
ends, it gets a slot, it is complete (`History` has the last).
"""

from __future__ import annotations

from array import array

from scalecert.engines.decoding import Admitted


class Observations:
    """What was observed of one server's requests when they were prefilled and got a slot."""

    __slots__ = ("_ends", "input_tokens", "prefill_seconds", "queue_seconds")

    def __init__(self) -> None:
        self.input_tokens = array("d")
        self.prefill_seconds = array("d")
        """From leaving the prefill backlog to the end of the prefill, parallel to the above."""
        self.queue_seconds = array("d")
        """In all three backlogs, by the order in which requests got their slots."""
        self._ends: dict[int, float] = {}
        """When the prefills of requests without a slot ended, by id."""

    def prefilled(self, request: Admitted, end: float) -> None:
        """Observe the end of a request's prefill."""
        self.input_tokens.append(request[2])
        self.prefill_seconds.append(end - request[4])
        self._ends[request[1]] = end

    def inserted(self, request: Admitted, came: float, now: float) -> None:
        """Observe that a request gets a slot, which came to the server at `came`."""
        ended = self._ends.pop(request[1])
        self.queue_seconds.append(request[4] - came + now - ended)

    def forget_parked(self) -> None:
        """Drop what is kept of requests without a slot."""
        self._ends.clear()
