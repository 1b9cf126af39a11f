"""How high a metric rises with a load's request sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.base import Limits, MetricInfo, RequestSizes
from scalecert.policy.usual_maximum import usual_maximum

ROOM_TOKENS = 13_600
LIMITS = Limits({})


def reserved(_: Limits, sizes: RequestSizes) -> float:
    """Return how many requests fit that reserve input and output."""
    return float(ROOM_TOKENS // (sizes.input_tokens + sizes.output_tokens))


BATCH = MetricInfo("batch", "gauge", "requests", usual_maximum=reserved)


def test_requests_of_one_size_leave_nothing_to_chance():
    """256 in and 128 out: 35 fit, and never more."""
    found = usual_maximum(BATCH, LIMITS, RequestSizes(256.0, 128.0), pods=1)
    assert found is not None
    assert (found.value, found.highest) == (35.0, 35.0)
    assert (found.input_tokens, found.output_tokens) == (256.0, 128.0)


def test_random_sizes_lift_a_batch_by_its_mean_sizes_deviation():
    """35 requests with a spread of 0.21: their mean is 5 % less at times, so 37 fit."""
    found = usual_maximum(BATCH, LIMITS, RequestSizes(256.0, 128.0, spread=0.21), pods=1)
    assert found is not None
    assert (found.value, found.highest) == (35.0, 37.0)


def test_tokens_held_are_those_of_requests_that_stay():
    """What sums tokens up sees long requests more often: 1 + spread^2, and chance on top."""
    tokens = MetricInfo("t", "gauge", "tokens", usual_maximum=lambda _, sizes: sizes.input_tokens)
    found = usual_maximum(tokens, LIMITS, RequestSizes(256.0, 128.0, spread=0.8), pods=1)
    assert found is not None
    assert found.value == 256.0
    assert found.highest == pytest.approx(256.0 * 1.64 * 1.3)


def test_what_pods_add_up_counts_for_each():
    """A sum over pods with a plain Value is as high as all of them together."""
    found = usual_maximum(BATCH, LIMITS, RequestSizes(256.0, 128.0), pods=3)
    assert found is not None
    assert (found.value, found.highest) == (105.0, 105.0)


@pytest.mark.parametrize(
    ("info", "sizes"),
    [
        (None, RequestSizes(256.0, 128.0)),
        (MetricInfo("queue", "gauge", "requests"), RequestSizes(256.0, 128.0)),
        (BATCH, None),
        (
            MetricInfo("b", "gauge", "tokens", usual_maximum=lambda *_: float("inf")),
            RequestSizes(256.0, 128.0),
        ),
    ],
    ids=["unknown metric", "bounded by no size", "unknown sizes", "unbounded"],
)
def test_where_nothing_is_known_there_is_no_bound(info, sizes):
    """No bound is made up."""
    assert usual_maximum(info, LIMITS, sizes, pods=1) is None


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    tokens=st.floats(1.0, 4096.0), spread=st.floats(0.0, 4.0), unit=st.sampled_from(["tokens", ""])
)
def test_more_spread_never_lowers_the_bound(tokens, spread, unit):
    """What chance adds is never negative, in whichever direction a metric follows sizes."""
    for usual in (reserved, lambda _, sizes: sizes.input_tokens):
        info = MetricInfo("batch", "gauge", unit, usual_maximum=usual)
        plain, varied = (
            usual_maximum(info, LIMITS, RequestSizes(tokens, tokens, each), pods=1)
            for each in (spread / 2, spread)
        )
        assert plain is not None
        assert varied is not None
        assert plain.value == varied.value <= plain.highest <= varied.highest
