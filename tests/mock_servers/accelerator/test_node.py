"""Whose the accelerators of a node are."""

from __future__ import annotations

import pytest

from mock_servers.accelerator.node import Looks, Node

from .nodes import TPU_PROFILE, hold, look, node


def pods(one: Node) -> dict[int, str]:
    """Return the pod of each accelerator that is held."""
    return {place: holder.pod for place, holder in one.holders().items()}


def test_an_accelerator_is_the_pods_whose_server_has_it() -> None:
    """As they say, and only while they are there; the others are the node's too."""
    one = node(count=4)
    one.settle({"a": look(hold("a", 3, 1), 1.0), "b": look(hold("b", 0), 1.0)})
    assert pods(one) == {3: "a", 1: "a", 0: "b"}
    assert one.places() == [0, 1, 2, 3]
    one.settle({"b": look(hold("b", 0), 2.0)})
    assert pods(one) == {0: "b"}
    assert one.places() == [0, 1, 2, 3]


def test_a_server_beyond_the_nodes_accelerators_is_shown() -> None:
    """There are as many as are held, whatever was said of their number."""
    one = node(count=1)
    one.settle({"a": look(hold("a", 0), 1.0), "b": look(hold("b", 1), 1.0)})
    assert one.places() == [0, 1]


def test_a_server_that_does_not_answer_keeps_what_it_had() -> None:
    """One that hangs has its accelerators still, one that never answered has none."""
    one = node()
    one.settle({"a": look(hold("a"), 1.0)})
    one.settle({"a": None, "b": None})
    assert pods(one) == {0: "a"}


def test_a_server_on_another_make_is_none_of_this_node() -> None:
    """A node has GPUs or TPU chips."""
    one = node("v5e", 8)
    one.settle({"a": look(hold("a"), 1.0), "b": look(hold("b", profile=TPU_PROFILE), 1.0)})
    assert set(pods(one).values()) == {"b"}


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
