"""A server that becomes slower while it runs, as a fault of a mock server makes it.

Nothing here knows an engine.
"""

from __future__ import annotations

import math

import pytest
from engines.servers import Load, ideals, loads, server
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.registry import engine_names

law = settings(max_examples=25, derandomize=True, deadline=None)
each_engine = pytest.mark.parametrize("engine", engine_names())


@each_engine
@law
@given(data=st.data(), load=loads())
def test_as_slow_as_usual_is_as_usual(engine: str, data: st.DataObject, load: Load) -> None:
    """Said at any moments, it changes neither times nor metrics: no count is lost or made twice."""
    under_test = data.draw(ideals(engine))
    usual, expected = under_test.served(load)
    names = tuple(under_test.kind.metrics(None))
    end = max(expected.last_token_seconds)
    moments = data.draw(st.lists(st.floats(0.0, 1.0), max_size=10).map(sorted))
    told, log = under_test.offered(load)
    for moment in moments:
        told.advance(moment * end)
        told.slow_down(1.0)
    told.advance(math.inf)
    for field in ("first_token_seconds", "last_token_seconds", "status"):
        assert list(getattr(log, field)) == pytest.approx(list(getattr(expected, field)), abs=1e-7)
    assert told.activity().computed_tokens == usual.activity().computed_tokens
    assert told.activity().context_read_tokens == usual.activity().context_read_tokens
    for name, samples in usual.samples(names).items():
        found = told.samples(names)[name]
        assert [sample.name for sample in found] == [sample.name for sample in samples]
        assert [sample.value for sample in found] == pytest.approx(
            [sample.value for sample in samples], abs=1e-6
        )


@each_engine
@law
@given(data=st.data(), load=loads(), times=st.sampled_from([0.5, 2.0, 7.0]))
def test_a_server_that_is_slower_takes_as_many_times_as_long(
    engine: str, data: st.DataObject, load: Load, times: float
) -> None:
    """With all requests there from the beginning everything is so many times later."""
    under_test = data.draw(ideals(engine))
    together = [(0.0, inputs, outputs) for _, inputs, outputs in load]
    _, usual = under_test.served(together)
    slow, log = under_test.offered(together)
    slow.slow_down(times)
    slow.advance(math.inf)
    for field in ("first_token_seconds", "last_token_seconds"):
        assert list(getattr(log, field)) == pytest.approx(
            [seconds * times for seconds in getattr(usual, field)], rel=1e-3, abs=1e-6
        )


@each_engine
def test_a_stream_goes_on_slower_and_then_as_before(engine: str) -> None:
    """The part in which the server is slow takes as many times as long, no more and no less."""
    under_test = server(engine)
    _, usual = under_test.served([(0.0, 64, 200)])
    first, last = usual.first_token_seconds[0], usual.last_token_seconds[0]
    step = (last - first) / 199
    slow, log = under_test.offered([(0.0, 64, 200)])
    slow.advance(first + 50 * step)
    slow.slow_down(10.0)
    slow.advance(first + 50 * step + 500 * step)
    slow.slow_down(1.0)
    slow.advance(math.inf)
    assert log.last_token_seconds[0] - last == pytest.approx(450 * step, abs=12 * step)
