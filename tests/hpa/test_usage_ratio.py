"""Ratios to replica counts: tolerance, guesses, direction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.arithmetic import MAX_INT32
from scalecert.hpa.metrics.interfaces import PodMetric, PodMetricsInfo
from scalecert.hpa.pod_groups import PodGroups
from scalecert.hpa.usage_ratio import (
    Tolerances,
    capped_replicas,
    fill,
    needs_filling,
    rescaled_replicas,
    scaled_replicas,
)

EVEN = Tolerances(0.1, 0.1)
RATIOS = st.floats(0.0, 100.0)
COUNTS = st.integers(1, 1000)


@pytest.mark.parametrize(
    ("tolerances", "ratio", "within"),
    [
        (EVEN, 1.1, True),
        (EVEN, math.nextafter(1.1, 2), False),
        (EVEN, 0.9, True),
        (EVEN, math.nextafter(0.9, 0), False),
        (Tolerances(0.0, 0.0), 1.0, True),
        (Tolerances(0.5, 0.0), math.nextafter(1.0, 2), False),
        (Tolerances(0.5, 0.0), 0.5, True),
        (Tolerances(2.0, 0.0), 0.0, True),
        (EVEN, math.nan, False),
    ],
)
def test_both_edges_are_within_tolerance(
    tolerances: Tolerances, ratio: float, within: bool
) -> None:
    """A ratio on the edge does not scale; the next float does. The directions are apart."""
    assert tolerances.is_within(ratio) is within


def test_counts_are_rounded_up_from_ready_pods() -> None:
    """The count is of pods that are ready, not of the current replicas."""
    assert scaled_replicas(1.5, 3, 10, EVEN) == 5
    assert scaled_replicas(1.05, 3, 10, EVEN) == 10


@given(RATIOS, COUNTS, COUNTS)
@settings(max_examples=100, derandomize=True)
def test_a_scaled_count_brings_usage_to_the_target(ratio: float, ready: int, current: int) -> None:
    """Outside tolerance, the usage of the ready pods is no more than the target of the count."""
    count = scaled_replicas(ratio, ready, current, EVEN)
    if not EVEN.is_within(ratio):
        assert count - 1 < ratio * ready <= count


@given(RATIOS, RATIOS, COUNTS, COUNTS)
@settings(max_examples=100, derandomize=True)
def test_guesses_never_turn_the_direction(
    ratio: float, refilled: float, metrics_count: int, current: int
) -> None:
    """After filling in, the count does not go up on a low ratio nor down on a high one."""
    count = rescaled_replicas(ratio, refilled, metrics_count, current, EVEN)
    if ratio < 1.0:
        assert count <= current
    if ratio > 1.0:
        assert count >= current


def groups(*, missing: set[str] = frozenset(), unready: set[str] = frozenset()) -> PodGroups:  # type: ignore[assignment]
    return PodGroups(1, set(unready), set(missing), set())


def test_unready_pods_are_guessed_only_when_scaling_up() -> None:
    """Missing pods always need a guess, unready ones only against scaling up."""
    assert needs_filling(groups(missing={"a"}), 0.5)
    assert needs_filling(groups(unready={"a"}), 1.5)
    assert not needs_filling(groups(unready={"a"}), 1.0)
    assert not needs_filling(groups(), 1.5)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.5, {"web-0": 5, "gone": 7}), (1.5, {"web-0": 5, "gone": 0, "new": 0}), (1.0, {"web-0": 5})],
)
def test_guesses_go_against_the_direction(ratio: float, expected: dict[str, int]) -> None:
    """Missing pods use a lot against scaling down and nothing against scaling up."""
    metrics: PodMetricsInfo = {"web-0": PodMetric(5, 0, 0)}
    fill(metrics, groups(missing={"gone"}, unready={"new"}), ratio, lambda _: 7)
    assert {name: metric.value_milli for name, metric in metrics.items()} == expected


def test_values_are_capped_but_not_averages_of_pods() -> None:
    """Where upstream guards, too many stay at the highest int32; elsewhere they overflow."""
    assert capped_replicas(1e12) == MAX_INT32
    assert scaled_replicas(1e12, 1, 3, EVEN) < 0
