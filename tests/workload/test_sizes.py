"""Request sizes."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert import rng
from scalecert.errors import HarnessBug
from scalecert.request_limits import RequestLimits
from scalecert.workload.model import (
    Empirical,
    Fixed,
    Histogram,
    Lognormal,
    Sizes,
    Uniform,
)
from scalecert.workload.sizes import fits, sampler
from scalecert.workload.tables import SizePairs, Tables
from scalecert.workload.traces import TraceRows

MODEST = settings(max_examples=100, derandomize=True, deadline=None)

PAIRS = SizePairs(
    np.array([10, 20, 30], dtype=np.int32), np.array([1000, 2000, 3000], dtype=np.int32)
)
TRACE = TraceRows(np.arange(3.0), PAIRS.input_tokens, PAIRS.output_tokens, 2.0)
TABLES = Tables(trace=TRACE, pairs={"pairs.csv": PAIRS, "others.csv": PAIRS})
DISTRIBUTIONS = [
    Fixed(7),
    Uniform(3, 9),
    Uniform(5, 5),
    Lognormal(mean=256, cv=1.5),
    Lognormal(mean=256, cv=1.5, max=300),
    Lognormal(mean=2, cv=3, max=50),
    Histogram((1, 2, 10, 100), (1.0, 0.0, 3.0)),
    Histogram((4, 5), (0.5,)),
    Empirical("pairs.csv"),
]


def draw(sizes, count, seed=1):
    return sampler(sizes, rng.stream(seed, "sizes"), TABLES)(count)


def stated_mean(side):
    """Return a distribution's mean in tokens."""
    match side:
        case Fixed():
            return side.tokens
        case Uniform():
            return (side.low + side.high) / 2
        case Lognormal():
            return lognormal_mean(side)
        case Histogram():
            centres = [(low + high - 1) / 2 for low, high in pairwise(side.edges)]
            return np.average(centres, weights=side.weights)
        case Empirical():
            return PAIRS.input_tokens.mean()


def lognormal_mean(side):
    """Return the mean with sizes moved to [1, max], rounding apart.

    E[X; X <= x] = mean x Phi(z(x) - sigma) with z(x) = (ln x - mu) / sigma.
    """
    variance = math.log1p(side.cv**2)
    mu, sigma = math.log(side.mean) - variance / 2, math.sqrt(variance)
    phi = NormalDist().cdf
    low, high = -mu / sigma, (math.log(side.max) - mu) / sigma
    inside = side.mean * (phi(high - sigma) - phi(low - sigma))
    return phi(low) + inside + side.max * (1 - phi(high))


@pytest.mark.parametrize("side", DISTRIBUTIONS)
def test_mean_is_what_is_drawn(side):
    """The stated mean is the mean of draws: 5 standard errors, and half a token for rounding."""
    sizes = Sizes(input=side, output=Fixed(1))
    drawn, ones = draw(sizes, 100_000)
    slack = 5 * drawn.std() / 100_000**0.5
    rounding = 0.5 if isinstance(side, Lognormal) and side.mean < 10 else 0.01
    assert drawn.mean() == pytest.approx(stated_mean(side), abs=slack + rounding)
    assert set(ones.tolist()) == {1}
    assert drawn.dtype == ones.dtype == np.int32
    assert drawn.min() >= 1


def test_ranges():
    """Every size in range is drawn, and no other."""
    assert set(draw(Sizes(Uniform(3, 6), Fixed(1)), 1000)[0].tolist()) == {3, 4, 5, 6}
    histogram = Histogram((1, 3, 10, 12), (1.0, 0.0, 1.0))
    assert set(draw(Sizes(histogram, Fixed(1)), 1000)[0].tolist()) == {1, 2, 10, 11}
    assert draw(Sizes(Lognormal(mean=100, cv=2, max=400), Fixed(1)), 10_000)[0].max() == 400


def test_histogram_weights():
    """Bins come in proportion to their weights, sizes within a bin alike."""
    drawn, _ = draw(Sizes(Histogram((1, 3, 7), (1.0, 3.0)), Fixed(1)), 80_000)
    counts = np.bincount(drawn)[1:]
    assert counts == pytest.approx([10_000, 10_000, 15_000, 15_000, 15_000, 15_000], rel=0.05)


def test_lognormal_cv():
    """The stated CV is that of the draws."""
    drawn, _ = draw(Sizes(Lognormal(mean=1000, cv=0.5), Fixed(1)), 100_000)
    assert drawn.std() / drawn.mean() == pytest.approx(0.5, rel=0.03)


def test_pairs_stay_together():
    """Sizes of a trace, and of one empirical file, are drawn in pairs; of two files, alone."""
    one_file = Sizes(Empirical("pairs.csv"), Empirical("pairs.csv"))
    two_files = Sizes(Empirical("pairs.csv"), Empirical("others.csv"))
    for sizes in ("trace", one_file):
        inputs, outputs = draw(sizes, 500)
        assert (outputs == inputs * 100).all()
        assert set(inputs.tolist()) == {10, 20, 30}
    inputs, outputs = draw(two_files, 500)
    assert set(outputs.tolist()) == {1000, 2000, 3000}
    assert (outputs != inputs * 100).any()


@MODEST
@given(
    st.sampled_from(DISTRIBUTIONS),
    st.sampled_from(DISTRIBUTIONS),
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.integers(0, 2**32),
)
def test_same_sizes_however_many_at_a_time(input_side, output_side, counts, seed):
    """Drawn in one call or in several, the n-th request has the same sizes."""
    sizes = Sizes(input_side, output_side)
    at_once = draw(sizes, sum(counts), seed)
    take = sampler(sizes, rng.stream(seed, "sizes"), TABLES)
    parts = [take(count) for count in counts]
    for side in (0, 1):
        assert np.concatenate([part[side] for part in parts]).tolist() == at_once[side].tolist()


def test_sides_are_independent():
    """Input and output don't share their random numbers, nor does one move the other's."""
    same = Uniform(1, 10**6)
    inputs, outputs = draw(Sizes(same, same), 5000)
    assert abs(np.corrcoef(inputs, outputs)[0, 1]) < 0.1
    assert draw(Sizes(Fixed(3), same), 5000)[1].tolist() == outputs.tolist()


def test_prompt_and_answer_have_limits_of_their_own():
    """A server may keep a part of its context for each; the longest that fit are taken."""
    limits = RequestLimits(1024, 1024, 2048, "max_target_length")
    inputs = np.array([1024, 1025, 1024], dtype=np.int32)
    outputs = np.array([1024, 10, 1025], dtype=np.int32)
    assert fits(inputs, outputs, limits).tolist() == [True, False, False]
    assert str(limits) == "2048 tokens, 1024 of prompt, 1024 of answer"


def test_fits():
    """A request fits if prompt and answer together don't exceed the context."""
    big = np.array([1, 4000, 4000, 2**31 - 1], dtype=np.int32)
    small = np.array([1, 96, 97, 2**31 - 1], dtype=np.int32)
    context = RequestLimits(4096, 4096, 4096, "--max-model-len")
    assert fits(big, small, context).tolist() == [True, True, False, False]


def test_sizes_of_a_trace_need_its_rows():
    """Sampling a trace that was never read is a slip of ours."""
    with pytest.raises(HarnessBug):
        sampler("trace", rng.stream(1, "sizes"))
