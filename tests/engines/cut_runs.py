"""How a run is cut changes nothing: what the tests of every engine ask with cases of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scalecert.engines.request_log import RequestLog


def assert_looking_changes_nothing(
    start: Callable[[], tuple[Any, RequestLog]],
    looks: Iterable[float],
    look: Callable[[Any], object],
) -> None:
    """Assert that a run with looks in between ends as one without, bit for bit.

    Args:
        start: returns an engine that all requests were offered to, and its log.
        looks: when the run is cut.
        look: what is asked of the engine there.
    """
    whole, whole_log = start()
    whole.advance(math.inf)
    pieces, pieces_log = start()
    for at in sorted(looks):
        pieces.advance(at)
        look(pieces)
    pieces.advance(math.inf)
    assert repr(pieces_log) == repr(whole_log)
    assert (pieces.step, pieces.end) == (whole.step, whole.end)


def assert_requests_may_be_offered_as_they_arrive(
    start: Callable[[bool], tuple[Any, RequestLog]],
    requests: Sequence[tuple[float, int, int]],
) -> None:
    """Assert that offering each request when the engine stands at its arrival changes nothing.

    Args:
        start: returns an engine and its log; the argument says whether to offer all requests.
        requests: arrival, input and output tokens of each.
    """
    whole, whole_log = start(True)
    whole.advance(math.inf)
    engine, log = start(False)
    for ident, (arrival, inputs, outputs) in enumerate(requests):
        engine.advance(arrival)
        engine.offer([ident], [arrival], [inputs], [outputs])
    engine.advance(math.inf)
    assert repr(log) == repr(whole_log)
