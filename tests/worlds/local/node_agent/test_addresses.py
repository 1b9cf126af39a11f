"""Who has which address."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.worlds.local.node_agent.addresses import AddressPool


@given(st.lists(st.booleans(), max_size=400))
@settings(max_examples=30, derandomize=True)
def test_no_address_is_had_twice(takes: list[bool]):
    """Whatever comes and goes; and none is lost."""
    pool, held = AddressPool("127.7.7"), []
    for take in takes:
        if take and (address := pool.take()) is not None:
            assert address not in held
            held.append(address)
        elif not take and held:
            pool.give_back(held.pop(0))
    free = 0
    while pool.take() is not None:
        free += 1
    assert free + len(held) == 245


def test_an_address_rests_as_long_as_there_are_others():
    """Who asks for a pod that is gone finds nobody, not another pod."""
    pool = AddressPool("127.7.7")
    first = pool.take()
    assert first == "127.7.7.10"
    pool.give_back(first)
    assert [pool.take() for _ in range(244)].count(first) == 0
    assert pool.take() == first
    assert pool.take() is None


def test_nodes_have_addresses_of_their_own_and_then_those_of_pods():
    """127.x.y.1 is the control plane's."""
    pool = AddressPool("127.7.7")
    found = [pool.take_for_node() for _ in range(9)]
    assert found == [*(f"127.7.7.{last}" for last in range(2, 10)), "127.7.7.10"]
    assert pool.take() == "127.7.7.11"
