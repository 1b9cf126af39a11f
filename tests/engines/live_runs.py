"""Engines gone through event by event, as a mock server does, with clients that go away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog, Status

Departure = tuple[float, int]
"""When a client goes away, and the id of its request."""


def walk(engine: Engine, departing: Sequence[Departure] = ()) -> Iterator[set[int]]:
    """Go from event to event, clients leaving on the way; yield who leaves before they do."""
    ends = sorted({at for at, _ in departing})
    while (at := min([engine.next_event_seconds(), *ends[:1]])) < math.inf:
        assert at >= engine.now or ends[:1] == [at]
        engine.advance(max(at, engine.now))
        leaving = set()
        if ends and at == ends[0]:
            leaving = {ident for when, ident in departing if when == at}
            ends.pop(0)
        yield leaving
        engine.cancel(leaving)


def follow(
    engine: Engine,
    log: RequestLog,
    outputs: Mapping[int, int],
    departing: Sequence[Departure] = (),
    look: Callable[[], object] = lambda: None,
) -> dict[int, list[float]]:
    """Look at every event; return when each token of each request was there.

    Args:
        engine: that all requests were offered to.
        log: its own.
        outputs: the tokens that each request asks for, by id.
        departing: who leaves when.
        look: called at each event.
    """
    seen: dict[int, list[float]] = {ident: [] for ident in outputs}
    budget = 20 * sum(tokens + 3 for tokens in outputs.values()) + len(departing)
    for looks, _ in enumerate(walk(engine, departing)):
        assert looks < budget, "events without end"
        now = engine.progress()
        for ident, times in seen.items():
            finished = log.status[ident] == Status.OK
            tokens = outputs[ident] if finished else now.get(ident, len(times))
            assert len(times) <= tokens <= len(times) + 1
            times.extend([engine.now] * (tokens - len(times)))
        look()
    return seen
