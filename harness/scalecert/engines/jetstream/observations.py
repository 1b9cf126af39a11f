"""What JetStream's histograms have observed: packed at each event, sorted into buckets when asked.

An observation belongs to an event that happens once to each request, in this order: its prefill
ends, it gets a slot, it is complete (`History` has the last).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from scalecert.engines.decoding import Admitted


class Observations:
    """What was observed of one server's requests when they were prefilled and got a slot."""

    __slots__ = (
        "_ends",
        "_waited",
        "client_starts",
        "cut_from",
        "input_tokens",
        "prefill_seconds",
        "queue_seconds",
        "wait_seconds",
    )

    def __init__(self) -> None:
        self.input_tokens = array("d")
        self.prefill_seconds = array("d")
        """From leaving the prefill backlog to the end of the prefill, parallel to the above."""
        self.queue_seconds = array("d")
        """In all three backlogs, by the order in which requests got their slots."""
        self.wait_seconds = array("d")
        """Neither in prefill nor in a slot, of complete requests whose clients say since when."""
        self.client_starts: dict[int, float] = {}
        """When the clients say that they sent requests that have no slot yet, by id."""
        self.cut_from: dict[int, int] = {}
        """Prompt tokens of requests that wait for their prefill and were cut, by id."""
        self._ends: dict[int, float] = {}
        """When the prefills of requests without a slot ended, by id."""
        self._waited: dict[int, float] = {}
        """What will be observed of requests with a slot when they are complete, by id."""

    def prefilled(self, request: Admitted, end: float) -> None:
        """Observe the end of a request's prefill; a prompt that was cut counts as a whole."""
        tokens = self.cut_from.pop(request[1], request[2]) if self.cut_from else request[2]
        self.input_tokens.append(tokens)
        self.prefill_seconds.append(end - request[4])
        self._ends[request[1]] = end

    def inserted(self, request: Admitted, came: float, now: float) -> None:
        """Observe that a request gets a slot, which came to the server at `came`."""
        ident = request[1]
        ended = self._ends.pop(ident)
        self.queue_seconds.append(request[4] - came + now - ended)
        if self.client_starts:
            started = self.client_starts.pop(ident, None)
            if started is not None:
                self._waited[ident] = now - started - (ended - request[4])

    def completed(self, idents: Iterable[int]) -> None:
        """Observe that requests are complete."""
        if self._waited:
            waited = (self._waited.pop(ident, None) for ident in idents)
            self.wait_seconds.extend(seconds for seconds in waited if seconds is not None)

    def forget_parked(self) -> None:
        """Drop what is kept of requests that are not complete: the server is killed."""
        for kept in (self._ends, self._waited, self.client_starts, self.cut_from):
            kept.clear()

    def clear(self) -> None:
        """Drop what was observed: all who ask have taken it in."""
        for column in (
            self.input_tokens,
            self.prefill_seconds,
            self.queue_seconds,
            self.wait_seconds,
        ):
            del column[:]
