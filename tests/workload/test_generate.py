"""The requests of a run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.errors import HarnessBug, UsageError
from scalecert.request_limits import RequestLimits
from scalecert.workload.generate import generate
from scalecert.workload.model import ConstantRate, Fixed, Sizes, Trace, TraceRate, Uniform, Workload
from scalecert.workload.rate import busiest_per_second, resolve
from scalecert.workload.stated_rate import Rate
from scalecert.workload.tables import Tables, load_tables
from scalecert.workload.traces import TraceRows

MODEST = settings(max_examples=100, derandomize=True, deadline=None)

TRACE = TraceRows(
    np.arange(100.0),
    np.arange(1, 101, dtype=np.int32),
    np.arange(1, 101, dtype=np.int32) * 2,
    99.0,
)
TABLES = Tables(trace=TRACE)


def constant(sizes, rate=20.0):
    return Workload(ConstantRate(Rate.decode(rate)), sizes)


def context_of(tokens):
    """Return the limits of a server that only its context bounds."""
    return RequestLimits(tokens, tokens, tokens, "--max-model-len")


def run(workload, *, seed=1, duration=50.0, context=4096, tables=TABLES):
    curve = resolve(workload.rate, 1.0, 1, tables.trace)
    return generate(
        workload,
        curve,
        seed=seed,
        duration_seconds=duration,
        longest=context_of(context),
        tables=tables,
    )


@MODEST
@given(st.integers(0, 2**32), st.integers(1, 3000), st.integers(1, 200))
def test_requests_are_whole(seed, high, context_margin):
    """Columns have one length and their types, arrivals are sorted, and all requests fit."""
    sizes = Sizes(Uniform(1, high), Uniform(1, high))
    context = 2 * high - min(high // 10, context_margin)
    requests = run(constant(sizes), seed=seed, context=context)
    length = len(requests.arrival_seconds)
    assert len(requests.input_tokens) == len(requests.output_tokens) == length
    assert requests.arrival_seconds.dtype == np.float64
    assert requests.input_tokens.dtype == requests.output_tokens.dtype == np.int32
    assert (np.diff(requests.arrival_seconds) >= 0).all()
    assert (requests.input_tokens + requests.output_tokens <= context).all()
    unlimited = run(constant(sizes), seed=seed, context=10**9)
    assert length + requests.left_out == len(unlimited.arrival_seconds)


def test_same_seed_same_requests():
    """The same seed gives the same requests, another one others."""
    workload = constant(Sizes(Uniform(1, 999), Uniform(1, 999)))
    one, again, other = run(workload), run(workload), run(workload, seed=2)
    for column in ("arrival_seconds", "input_tokens", "output_tokens"):
        assert getattr(one, column).tolist() == getattr(again, column).tolist()
        assert getattr(one, column).tolist() != getattr(other, column).tolist()


def test_streams_are_apart():
    """Other sizes leave the arrivals alone, and another rate leaves the sizes alone."""
    varied = Sizes(Uniform(1, 999), Uniform(1, 999))
    one, fixed = run(constant(varied)), run(constant(Sizes(Fixed(5), Fixed(5))))
    assert one.arrival_seconds.tolist() == fixed.arrival_seconds.tolist()
    slower = run(constant(varied, rate=10.0))
    shared = len(slower.input_tokens)
    assert shared < len(one.input_tokens)
    assert one.input_tokens[:shared].tolist() == slower.input_tokens.tolist()


def test_left_out():
    """Requests beyond the context are counted and left out, up to 20 % of all."""
    workload = constant(Sizes(Uniform(1, 100), Fixed(10)))
    requests = run(workload, context=100)  # inputs above 90: 10 % of all
    assert requests.input_tokens.max() <= 90
    assert 50 < requests.left_out < 150
    with pytest.raises(UsageError, match=r"longer than the server takes \(60 tokens\).*max-model"):
        run(workload, context=60)


def test_limit_is_included():
    """Exactly 20 % may be left out, one request more may not."""
    replayed = Workload(TraceRate(), "trace", trace=Trace("t"))
    assert run(replayed, duration=100, context=240).left_out == 20
    with pytest.raises(UsageError, match=r"21 of 100 requests \(21.0%\)"):
        run(replayed, duration=100, context=239)


def test_no_requests():
    """A workload that offers nothing is no error here: the checks will say what they lack."""
    requests = run(constant(Sizes(Fixed(1), Fixed(1)), rate=0))
    assert (len(requests.arrival_seconds), requests.left_out) == (0, 0)


def test_trace_keeps_its_sizes():
    """A replayed trace gives each request its own sizes, scaled or not."""
    for rate in (TraceRate(), TraceRate(mean=Rate("0.5/s")), TraceRate(mean=Rate("3.5/s"))):
        requests = run(Workload(rate, "trace", trace=Trace("t")), duration=200)
        assert (requests.output_tokens == 2 * requests.input_tokens).all()
    recorded = run(Workload(TraceRate(), "trace", trace=Trace("t")), duration=200)
    assert recorded.arrival_seconds.tolist() == TRACE.arrival_seconds.tolist()
    assert recorded.input_tokens.tolist() == TRACE.input_tokens.tolist()


def test_trace_with_other_sizes_and_other_arrivals():
    """A trace can lend its arrivals alone, or its sizes alone."""
    arrivals = run(Workload(TraceRate(), Sizes(Fixed(3), Fixed(4)), trace=Trace("t")), duration=200)
    assert arrivals.arrival_seconds.tolist() == TRACE.arrival_seconds.tolist()
    assert set(arrivals.input_tokens.tolist()) == {3}
    sizes = run(Workload(ConstantRate(Rate("20/s")), "trace", trace=Trace("t")))
    assert (sizes.output_tokens == 2 * sizes.input_tokens).all()
    assert len(set(sizes.input_tokens.tolist())) == 100


def test_trace_needs_rows():
    """A trace's curve without its rows is a slip of ours."""
    workload = Workload(TraceRate(), "trace", trace=Trace("t"))
    curve = resolve(workload.rate, 1.0, 1, TRACE)
    with pytest.raises(HarnessBug):
        generate(
            workload,
            curve,
            seed=1,
            duration_seconds=9,
            longest=context_of(9),
        )


def test_scaled_public_trace(public_traces):
    """A real trace, told to peak at 0.8 max, does so within 10 %, at its own pace."""
    workload = Workload(
        TraceRate(peak=Rate("0.8 max")), "trace", trace=Trace("azure2023_conv.csv.gz")
    )
    tables = load_tables(workload, public_traces)
    assert tables.trace is not None
    curve = resolve(workload.rate, 4.0, 10, tables.trace)
    requests = generate(
        workload,
        curve,
        seed=1,
        duration_seconds=3600,
        longest=context_of(16_384),
        tables=tables,
    )
    replayed = TraceRows(
        requests.arrival_seconds, requests.input_tokens, requests.output_tokens, 3502.0
    )
    assert busiest_per_second(replayed, 60) == pytest.approx(32, rel=0.1)
    assert requests.arrival_seconds[-1] == pytest.approx(tables.trace.span_seconds, abs=5)
    assert requests.left_out == 0


def test_mooncake_does_not_fit_small_contexts(public_traces):
    """Most of Mooncake's requests exceed 4,096 tokens: refused, not quietly thinned out."""
    workload = Workload(TraceRate(), "trace", trace=Trace("mooncake_conversation.jsonl.gz"))
    tables = load_tables(workload, public_traces)
    with pytest.raises(UsageError, match=r"of 12031 requests \(67.8%\) longer"):
        run(workload, duration=3600, context=4096, tables=tables)
