"""How many requests a quantile needs, and which counts tell it from its limit: exact, and fast."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scalecert.checks.confidence import (
    LateCount,
    fewest_late_for_a_fail,
    most_late_for_a_pass,
    requests_needed,
)
from scalecert.checks.finding import Verdict
from scalecert.recording.quantiles import quantile

STEADY = settings(max_examples=60, derandomize=True, deadline=None)
QUANTILES = st.integers(1, 99).map(lambda percent: percent / 100)


def exactly_at_most(late: int, requests: int, q: float) -> Fraction:
    """Return P(Bin(requests, 1 - q) <= late) in whole numbers, no floating point."""
    share = Fraction(round(q * 1000), 1000)
    terms = (
        comb(requests, k) * (1 - share) ** k * share ** (requests - k) for k in range(late + 1)
    )
    return sum(terms, Fraction(0))


@pytest.mark.parametrize(
    ("q", "requests"),
    [(0.5, 11), (0.9, 64), (0.95, 130), (0.97, 219), (0.99, 662), (0.999, 6636)],
)
def test_requests_needed(q: float, requests: int) -> None:
    """The published figures of LoadGen are 64 for p90 and 662 for p99; the rest by its rule."""
    assert requests_needed(q) == requests
    assert exactly_at_most(1, requests, q) <= Fraction(1, 100)
    assert exactly_at_most(1, requests - 1, q) > Fraction(1, 100)


@pytest.mark.parametrize(("requests", "discarded"), [(2048, 172), (2116, 178), (2145, 181)])
def test_it_agrees_with_published_results(requests: int, discarded: int) -> None:
    """LoadGen's logs of p90 runs: it discards one less than may be late, and takes the next."""
    assert most_late_for_a_pass(requests, 0.9) == discarded + 1


@STEADY
@given(requests=st.integers(1, 300), q=QUANTILES)
def test_bounds_are_exact(requests: int, q: float) -> None:
    """Against whole numbers: one more late request is no longer as rare as 1 in 100."""
    most, fewest = most_late_for_a_pass(requests, q), fewest_late_for_a_fail(requests, q)
    rare = Fraction(1, 100)
    assert exactly_at_most(most, requests, q) <= rare < exactly_at_most(most + 1, requests, q)
    assert 1 - exactly_at_most(fewest - 1, requests, q) <= rare
    assert 1 - exactly_at_most(fewest - 2, requests, q) > rare


@pytest.mark.parametrize(
    ("requests", "q", "most", "fewest"),
    [
        (10_000, 0.95, 449, 552),
        (100_000, 0.99, 927, 1075),
        (1_000_000, 0.95, 49_493, 50_509),
        (1_000_000, 0.999, 926, 1075),
    ],
)
def test_bounds_of_large_runs(requests: int, q: float, most: int, fewest: int) -> None:
    """A million requests are judged by the same sums; figures from logarithms of factorials."""
    assert most_late_for_a_pass(requests, q) == most
    assert fewest_late_for_a_fail(requests, q) == fewest


@STEADY
@given(requests=st.integers(1, 3000), q=QUANTILES, more=st.integers(1, 50))
def test_more_requests_allow_no_fewer_late_ones(requests: int, q: float, more: int) -> None:
    """Both bounds grow with the number of requests, and the first with the share allowed."""
    assert most_late_for_a_pass(requests + more, q) >= most_late_for_a_pass(requests, q)
    assert fewest_late_for_a_fail(requests + more, q) >= fewest_late_for_a_fail(requests, q)
    assert most_late_for_a_pass(requests, q / 2) >= most_late_for_a_pass(requests, q)


@STEADY
@given(late=st.integers(0, 400), on_time=st.integers(0, 4000), q=QUANTILES)
def test_a_sure_verdict_agrees_with_the_quantile(late: int, on_time: int, q: float) -> None:
    """A pass has its quantile within the limit, a failure beyond it: the rule only adds doubt."""
    assume(late + on_time > 0)
    count = LateCount(late, late + on_time, q)
    value = quantile(np.concatenate((np.ones(on_time), np.full(late, 3.0))), q)
    assert count.verdict is not Verdict.PASS or value <= 2.0
    assert count.verdict is not Verdict.FAIL or value > 2.0


@STEADY
@given(
    requests=st.integers(700, 20_000),
    q=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    place=st.floats(0.0, 1.0),
)
def test_the_requests_that_it_asks_for_decide(requests: int, q: float, place: float) -> None:
    """Whoever sends a quarter more than the estimate, with the same share late, has a verdict."""
    most, fewest = most_late_for_a_pass(requests, q), fewest_late_for_a_fail(requests, q)
    count = LateCount(round(most + 1 + place * (fewest - most - 2)), requests, q)
    assert count.verdict is Verdict.INCONCLUSIVE
    more = count.more_requests()
    if more is None:
        assert count.late == pytest.approx((1 - q) * requests, abs=0.5)
        return
    times = 1 + 1.25 * more / requests
    grown = LateCount(round(count.late * times), round(requests * times), q)
    assert grown.verdict is not Verdict.INCONCLUSIVE


def test_a_share_at_the_limit_is_never_told() -> None:
    """Exactly 5 % late stays exactly undecided: no number of requests is promised."""
    count = LateCount(50, 1000, 0.95)
    assert count.verdict is Verdict.INCONCLUSIVE
    assert count.to_decide() == "at most 34 late would pass, 68 fail"


@pytest.mark.parametrize("q", [0.0, 1.0, -0.5, 1.5])
def test_bounds_of_no_quantile_are_refused(q: float) -> None:
    """There is nothing to estimate at 0 and 1."""
    with pytest.raises(ValueError, match="expected 0 < q < 1"):
        most_late_for_a_pass(100, q)
    with pytest.raises(ValueError, match="expected 0 < q < 1"):
        fewest_late_for_a_fail(100, q)


def test_no_requests_are_refused() -> None:
    """Nothing was seen: that is no count of zero late ones."""
    with pytest.raises(ValueError, match="found 0 requests"):
        most_late_for_a_pass(0, 0.9)
    assert LateCount(0, 0, 0.9).verdict is Verdict.INCONCLUSIVE
