"""Finished requests of one engine, packed: what its histograms are made of when asked for.

A request is 36 bytes here, and no histogram costs anything until someone scrapes it.
"""

from __future__ import annotations

from array import array
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from scalecert.engines.decoding import Admitted

PACK_AFTER = 256
"""Finished requests after which an engine packs them."""

_ARRIVAL, _IDENT, _INPUT, _OUTPUT, _SCHEDULED = map(itemgetter, range(5))


class Finished(NamedTuple):
    """Finished requests, column by column; times are as in `Admitted`."""

    ident: array[int]
    arrival: array[float]
    scheduled: array[float]
    input: array[int]
    output: array[int]


class History:
    """Finished requests in the order in which they finished."""

    __slots__ = (
        "_arrival",
        "_ident",
        "_input",
        "_output",
        "_scheduled",
        "dropped",
        "output_tokens",
    )

    def __init__(self) -> None:
        self._ident = array("q")
        self._arrival = array("d")
        self._scheduled = array("d")
        self._input = array("i")
        self._output = array("i")
        self.output_tokens = 0
        """Sum over all of them."""
        self.dropped = 0
        """Requests at the beginning that were counted and are here no longer."""

    def __len__(self) -> int:
        return self.dropped + len(self._ident)

    def clear(self) -> None:
        """Drop the requests, but count them on: all who ask have taken them in."""
        self.dropped = len(self)
        for column in (self._ident, self._arrival, self._scheduled, self._input, self._output):
            del column[:]

    def take(self, finished: list[Admitted]) -> None:
        """Take over finished requests; the list is empty afterwards."""
        self._ident.extend(map(_IDENT, finished))
        self._arrival.extend(map(_ARRIVAL, finished))
        self._scheduled.extend(map(_SCHEDULED, finished))
        self._input.extend(map(_INPUT, finished))
        self._output.extend(map(_OUTPUT, finished))
        self.output_tokens += sum(map(_OUTPUT, finished))
        finished.clear()

    def since(self, begin: int) -> Finished:
        """Return those from `begin` on, as far as they are here."""
        here = slice(max(begin - self.dropped, 0), None)
        return Finished(
            self._ident[here],
            self._arrival[here],
            self._scheduled[here],
            self._input[here],
            self._output[here],
        )
