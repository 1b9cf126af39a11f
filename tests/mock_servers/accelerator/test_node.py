"""Whose the accelerators of a node are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_servers.accelerator.node import Looks

from .nodes import TPU_PROFILE, hold, look, node


def test_a_server_that_names_its_accelerators_has_these() -> None:
    """As a device plugin gave them to its container."""
    one = node(count=4)
    one.settle({"a": look(hold("a", 3, 1), 1.0), "b": look(hold("b"), 1.0)})
    assert {place: holder.pod for place, holder in one.holders().items()} == {
        3: "a",
        1: "a",
        0: "b",
    }
    assert one.places() == [0, 1, 2, 3]


def test_places_are_kept_while_the_server_is_there() -> None:
    """A pod keeps its accelerators when another one goes; the next one gets what is free."""
    one = node()
    one.settle({"a": look(hold("a"), 1.0), "b": look(hold("b"), 1.0)})
    one.settle({"b": look(hold("b"), 2.0)})
    assert {place: holder.pod for place, holder in one.holders().items()} == {1: "b"}
    one.settle({"0": look(hold("c"), 1.0), "b": look(hold("b"), 3.0)})
    assert {place: holder.pod for place, holder in one.holders().items()} == {0: "c", 1: "b"}


def test_a_server_that_does_not_answer_keeps_what_it_had() -> None:
    """One that hangs has its accelerators still, one that never answered has none."""
    one = node()
    one.settle({"a": look(hold("a"), 1.0)})
    one.settle({"a": None, "b": None})
    assert {place: holder.pod for place, holder in one.holders().items()} == {0: "a"}


def test_a_server_on_another_make_is_none_of_this_node() -> None:
    """A node has GPUs or TPU chips."""
    one = node("v5e", 8)
    one.settle({"a": look(hold("a"), 1.0), "b": look(hold("b", profile=TPU_PROFILE), 1.0)})
    assert {holder.pod for holder in one.holders().values()} == {"b"}


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcdef"), st.booleans(), max_size=6),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_no_accelerator_has_two_holders_and_none_moves(rounds: list[dict[str, bool]]) -> None:
    """Whoever comes, goes or hangs: places are each one's own, and stay so."""
    one = node(count=3)
    before: dict[str, tuple[int, ...]] = {}
    for said in rounds:
        one.settle({key: look(hold(key), 1.0) if speaks else None for key, speaks in said.items()})
        now = {occupant.key: occupant.places for occupant in one.occupants}
        places = [place for held in now.values() for place in held]
        assert len(places) == len(set(places))
        assert all(now[key] == before[key] for key in now.keys() & before.keys())
        assert now.keys() >= {key for key, speaks in said.items() if speaks}
        before = now


def test_a_collection_is_over_its_own_windows() -> None:
    """The short figures are of the look before, the averages of the collection before."""
    one, looks = node(), Looks()
    own = hold("a")
    one.settle({"a": look(own, 0.0)})
    looks.open(one)
    one.settle({"a": look(own, 10.0, 0.0)})
    looks.close(one)
    one.settle({"a": look(own, 39.0, 0.0)})
    looks.open(one)
    one.settle({"a": look(own, 40.0, 1 / 40)})
    ((_, readings),) = looks.close(one)
    assert readings.recent.duty == pytest.approx(1.0)
    assert readings.average.duty == pytest.approx(1 / 30)


def test_a_server_that_came_after_the_window_began_is_taken_from_its_start() -> None:
    """It did nothing before."""
    one, looks = node(), Looks()
    looks.open(one)
    one.settle({"a": look(hold("a"), 4.0, 0.5)})
    ((_, readings),) = looks.close(one)
    assert readings.recent.duty == pytest.approx(0.5)
    assert readings.average == readings.recent


def test_a_server_that_hangs_shows_no_work_and_its_memory() -> None:
    """Its kernels do not run, its model stays where it is."""
    one, looks = node(), Looks()
    one.settle({"a": look(hold("a"), 5.0, 1.0)})
    looks.close(one)
    for step in (looks.open, looks.close):
        one.settle({"a": None})
        shown = step(one)
    assert shown is not None
    ((_, readings),) = shown
    assert readings.recent.duty == 0.0
    assert readings.recent.memory_used_bytes > 0.0
