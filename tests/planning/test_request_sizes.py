"""What a workload's requests are like: means and spread, the same for lint and for every run."""

from __future__ import annotations

import numpy as np
import pytest

from scalecert.engines.base import RequestSizes
from scalecert.planning.request_sizes import request_sizes
from scalecert.request_limits import RequestLimits
from scalecert.workload.model import ConstantRate, Fixed, Sizes, Trace, Uniform, Workload
from scalecert.workload.stated_rate import Rate
from scalecert.workload.tables import NO_TABLES, Tables
from scalecert.workload.traces import TraceRows

RATE = ConstantRate(Rate("1/s"))


def context(tokens: int) -> RequestLimits:
    """Return the limits of a server that only its context bounds."""
    return RequestLimits(tokens, tokens, tokens, "--max-model-len")


def workload(low: int, high: int, output: int = 128) -> Workload:
    sizes = Sizes(input=Uniform(low=low, high=high), output=Fixed(tokens=output))
    return Workload(rate=RATE, sizes=sizes)


def test_fixed_sizes_are_exact():
    """Requests of one size have no spread."""
    fixed = Workload(rate=RATE, sizes=Sizes(input=Fixed(tokens=256), output=Fixed(tokens=128)))
    assert request_sizes(fixed, NO_TABLES, context(4096)) == RequestSizes(256.0, 128.0, 0.0)


def test_random_sizes_have_mean_and_spread():
    """Uniform from 128 to 384: a mean of 256, a standard deviation of 74 of 384 tokens."""
    found = request_sizes(workload(128, 384), NO_TABLES, context(4096))
    assert found.input_tokens == pytest.approx(256.0, rel=0.01)
    assert found.spread == pytest.approx(np.sqrt((257**2 - 1) / 12) / 384, rel=0.02)
    assert request_sizes(workload(128, 384), NO_TABLES, context(4096)) == found


def test_what_exceeds_the_context_does_not_count():
    """A run leaves these requests out; where none fits, what they are is told all the same."""
    found = request_sizes(workload(1, 1000), NO_TABLES, context(628))
    assert found.input_tokens == pytest.approx(250.5, rel=0.02)
    assert request_sizes(workload(500, 500), NO_TABLES, context(100)).input_tokens == 500.0


def test_a_traces_rows_are_its_sizes():
    """Sizes of a trace are drawn from its rows."""
    rows = TraceRows(
        np.array([0.0, 1.0]),
        np.array([100, 300], dtype=np.int32),
        np.array([10, 30], dtype=np.int32),
        2.0,
    )
    traced = Workload(rate=RATE, sizes="trace", trace=Trace(file="trace.csv"))
    found = request_sizes(traced, Tables(trace=rows), context(4096))
    assert found.input_tokens == pytest.approx(200.0, rel=0.02)
    assert found.output_tokens == pytest.approx(20.0, rel=0.02)
