"""Windows and rate limits, at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.behavior import (
    Normalization,
    ScaleEvents,
    calculate_scale_down_limit_with_behaviors,
    calculate_scale_up_limit,
    calculate_scale_up_limit_with_scaling_rules,
    convert_desired_replicas_with_behavior_rate,
    convert_desired_replicas_with_rules,
    get_replicas_change_per_period,
    stabilize_recommendation,
    stabilize_recommendation_with_behaviors,
    store_scale_event,
)
from scalecert.hpa.defaults import DEFAULT_SCALE_DOWN_RULES, DEFAULT_SCALE_UP_RULES
from scalecert.hpa.memory import TimestampedRecommendation, TimestampedScaleEvent
from scalecert.hpa.types import HPAScalingPolicy, HPAScalingRules

COUNTS = st.integers(0, 200)


def recommended(*entries: tuple[int, int]) -> list[TimestampedRecommendation]:
    """Return recommendations from (count, seconds ago), for a clock at 1000 s."""
    return [TimestampedRecommendation(count, (1000 - ago) * 1000) for count, ago in entries]


@pytest.mark.parametrize(("ago", "expected"), [(299, 9), (300, 9), (301, 5)])
def test_without_behavior_the_edge_of_the_window_counts(ago: int, expected: int) -> None:
    """A recommendation exactly as old as the window still holds replicas."""
    assert stabilize_recommendation(recommended((9, ago)), 5, 300, now_ms=1_000_000) == expected


@pytest.mark.parametrize(("ago", "expected"), [(299, 9), (300, 5), (301, 5)])
def test_with_behavior_the_edge_of_the_window_is_out(ago: int, expected: int) -> None:
    """A recommendation exactly as old as the window no longer holds replicas."""
    found = stabilize_recommendation_with_behaviors(
        recommended((9, ago)), 5, 9, 0, 300, now_ms=1_000_000
    )
    assert found.replicas == expected


def test_the_last_old_entry_gives_its_slot() -> None:
    """Nothing is pruned: of several entries out of the window, the last is overwritten."""
    log = recommended((1, 400), (2, 350), (9, 10))
    stabilize_recommendation(log, 5, 300, now_ms=1_000_000)
    assert [one.recommendation for one in log] == [1, 5, 9]


def test_with_behavior_a_slot_must_be_older_than_both_windows() -> None:
    """An entry at the edge is neither used nor reused; a longer window brings old ones back."""
    log = recommended((9, 400), (8, 300))
    stabilize_recommendation_with_behaviors(log, 5, 5, 300, 60, now_ms=1_000_000)
    assert [one.recommendation for one in log] == [5, 8]
    found = stabilize_recommendation_with_behaviors(log, 4, 9, 0, 600, now_ms=1_000_001)
    assert found.replicas == 8
    assert [one.recommendation for one in log] == [5, 8, 4]


def test_both_windows_hold_the_current_count() -> None:
    """Up goes to the lowest, down to the highest recommendation; in between nothing moves."""

    def stabilized(desired: int, current: int) -> tuple[int, str]:
        found = stabilize_recommendation_with_behaviors(
            recommended((4, 30), (6, 30)), desired, current, 60, 60, now_ms=1_000_000
        )
        return found.replicas, found.reason

    assert stabilized(9, 3) == (4, "ScaleUpStabilized")
    assert stabilized(1, 8) == (6, "ScaleDownStabilized")
    assert stabilized(5, 5) == (5, "ScaleUpStabilized")


@given(
    st.lists(st.tuples(COUNTS, st.integers(0, 900)), max_size=8),
    COUNTS,
    COUNTS,
    st.integers(0, 600),
    st.integers(0, 600),
)
@settings(max_examples=100, derandomize=True)
def test_stabilization_stays_between_current_and_desired(
    entries: list[tuple[int, int]], desired: int, current: int, up: int, down: int
) -> None:
    """Windows delay a move; they never turn it around nor go beyond it."""
    found = stabilize_recommendation_with_behaviors(
        recommended(*entries), desired, current, up, down, now_ms=1_000_000
    )
    lowest, highest = sorted((current, desired))
    held = [count for count, _ in entries]
    assert min([lowest, *held]) <= found.replicas <= max([highest, *held])
    if up == down == 0:
        assert found.replicas == desired


@pytest.mark.parametrize(("ago", "expected"), [(59, 3), (60, 0), (61, 0)])
def test_an_event_as_old_as_the_period_is_out(ago: int, expected: int) -> None:
    """Policies count the changes of less than their period ago."""
    events = [TimestampedScaleEvent(3, (1000 - ago) * 1000)]
    assert get_replicas_change_per_period(60, events, now_ms=1_000_000) == expected


def rules(*policies: tuple[str, int, int], select: str = "Max") -> HPAScalingRules:
    return HPAScalingRules(
        select_policy=select,
        policies=tuple(HPAScalingPolicy(kind, value, period) for kind, value, period in policies),
    )


def test_outdated_events_give_their_slots_by_the_longest_period() -> None:
    """The last event older than every period is replaced; one as old as the longest is kept."""

    def stored(*ages: int) -> list[int]:
        events = [TimestampedScaleEvent(age, (1000 - age) * 1000) for age in ages]
        policies = rules(("Pods", 1, 15), ("Pods", 1, 60))
        store_scale_event(events, policies, 7, now_ms=1_000_000)
        return [event.replica_change for event in events]

    assert stored(61, 70, 5) == [61, 7, 5]
    assert stored(60, 5) == [60, 5, 7]


def test_an_event_once_outdated_stays_so() -> None:
    """A slot marked with short periods is reused although the period has become longer since."""
    events = [TimestampedScaleEvent(2, 0, outdated=True)]
    store_scale_event(events, rules(("Pods", 1, 1800)), 7, now_ms=1000)
    assert events == [TimestampedScaleEvent(7, 1000)]


@pytest.mark.parametrize(
    ("select", "up", "down"), [("Max", 20, 5), ("Min", 14, 6), ("Disabled", 10, 10)]
)
def test_select_policy(select: str, up: int, down: int) -> None:
    """Max is the largest change, Min the smallest, Disabled none."""
    policies = rules(("Pods", 4, 15), ("Percent", 100, 15), select=select)
    halving = rules(("Pods", 4, 15), ("Percent", 50, 15), select=select)
    assert calculate_scale_up_limit_with_scaling_rules(10, ScaleEvents(), policies, now_ms=0) == up
    assert calculate_scale_down_limit_with_behaviors(10, ScaleEvents(), halving, now_ms=0) == down


def test_limits_count_from_the_start_of_the_period_in_both_directions() -> None:
    """What came and went within the period is undone before a policy is applied."""
    events = ScaleEvents([TimestampedScaleEvent(3, 990_000)], [TimestampedScaleEvent(1, 995_000)])
    limit = calculate_scale_up_limit_with_scaling_rules(
        10, events, rules(("Pods", 4, 60)), now_ms=1_000_000
    )
    assert limit == 10 - 3 + 1 + 4


@pytest.mark.parametrize(
    ("current", "percent", "expected"), [(10, 80, 1), (5, 80, 0), (10, 90, 0), (10, 50, 5)]
)
def test_percent_down_is_truncated_in_floating_point(
    current: int, percent: int, expected: int
) -> None:
    """0.2 x 10 is less than 2 in float64: 80 % down leaves 1."""
    policies = rules(("Percent", percent, 15))
    found = calculate_scale_down_limit_with_behaviors(current, ScaleEvents(), policies, now_ms=0)
    assert found == expected


@pytest.mark.parametrize(("current", "limit"), [(0, 4), (1, 4), (2, 4), (3, 6), (50, 100)])
def test_without_behavior_a_sync_may_double_or_reach_four(current: int, limit: int) -> None:
    """The limit is twice the current count, and at least 4."""
    assert calculate_scale_up_limit(current) == limit


@pytest.mark.parametrize(
    ("desired", "expected", "reason"),
    [
        (5, 5, "DesiredWithinRange"),
        (1, 2, "TooFewReplicas"),
        (7, 6, "ScaleUpLimit"),
        (6, 6, "DesiredWithinRange"),
    ],
)
def test_bounds_without_behavior(desired: int, expected: int, reason: str) -> None:
    """Bounds and doubling limit the count and say which of them did."""
    found = convert_desired_replicas_with_rules(Normalization(3, desired, 2, 10))
    assert (found.replicas, found.reason) == (expected, reason)


@given(
    current=st.integers(1, 100),
    desired=st.integers(0, 100),
    added=st.lists(st.integers(1, 20), max_size=3),
    deleted=st.lists(st.integers(1, 20), max_size=3),
)
@settings(max_examples=100, derandomize=True)
def test_a_limit_never_turns_the_direction(
    current: int, desired: int, added: list[int], deleted: list[int]
) -> None:
    """Whatever was scaled before, the count moves toward the desired one or stays, in bounds."""
    events = ScaleEvents(
        [TimestampedScaleEvent(count, 0) for count in added],
        [TimestampedScaleEvent(count, 0) for count in deleted],
    )
    found = convert_desired_replicas_with_behavior_rate(
        Normalization(current, desired, 1, 100),
        events,
        DEFAULT_SCALE_UP_RULES,
        DEFAULT_SCALE_DOWN_RULES,
        now_ms=1000,
    )
    lowest, highest = sorted((current, max(desired, 1)))
    assert lowest <= found.replicas <= highest
