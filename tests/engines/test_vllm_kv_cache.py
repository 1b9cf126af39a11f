"""Blocks counted by phase against blocks counted one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.vllm.kv_cache import KvCache

TOKENS = st.lists(st.integers(1, 200), min_size=1, max_size=20)


@settings(max_examples=100, derandomize=True)
@given(
    tokens=TOKENS,
    block=st.sampled_from([1, 4, 16]),
    step=st.integers(0, 99),
    ahead=st.integers(0, 40),
)
def test_held_blocks_equal_the_sum_over_requests(
    tokens: list[int], block: int, step: int, ahead: int
) -> None:
    """At any step ahead, blocks and requests with a full last block equal a count one by one."""
    cache = KvCache(1000, block)
    for each in tokens:
        cache.join(each, step)
    then = [each + ahead for each in tokens]
    assert cache.held(sum(then), step + ahead) == sum(-(-each // block) for each in then)
    assert cache.full_at(step + ahead) == sum(each % block == 0 for each in then)


@settings(max_examples=100, derandomize=True)
@given(
    tokens=TOKENS,
    block=st.sampled_from([1, 4, 16]),
    free=st.integers(0, 300),
    most=st.integers(0, 40),
)
def test_steps_until_counts_the_steps_that_fit(
    tokens: list[int], block: int, free: int, most: int
) -> None:
    """All requests can grow for just as many steps as there are free blocks for."""
    cache = KvCache(1000, block)
    for each in tokens:
        cache.join(each, 7)
    held = cache.held(sum(tokens), 7)
    steps = cache.steps_until(free, 7, len(tokens), 10_000)
    assert cache.steps_until(free, 7, len(tokens), most) == min(steps, most)

    def needed(ahead: int) -> int:
        return cache.held(sum(tokens) + ahead * len(tokens), 7 + ahead) - held

    assert needed(steps) <= free < needed(steps + 1)


def test_work_and_memory_are_those_of_the_requests_not_of_a_block() -> None:
    """Counting costs the same whatever a block holds: here more tokens than any memory does."""
    size = 2**50
    cache = KvCache(4, size)
    cache.join(1, 0)
    cache.join(size - 3, 0)
    assert cache.held(size - 2 + 8, 4) == 3
    assert cache.steps_until(0, 0, 2, 100) == 3
    assert cache.steps_until(1, 0, 2, 100) == 100


def test_a_request_that_left_is_not_counted() -> None:
    """Leaving takes a request's phase back, whenever it happens."""
    cache = KvCache(100, 16)
    cache.join(20, 3)
    cache.join(31, 3)
    cache.leave(24, 7)
    assert cache.held(35, 7) == 3


def test_the_shared_prefix_is_counted_once() -> None:
    """Three holders of two shared blocks save four; only longer prompts share them."""
    cache = KvCache(100, 16, shared_prefix_tokens=40)
    assert (cache.shares_prefix(32), cache.shares_prefix(33)) == (False, True)
    assert cache.hit_tokens(50) == 0
    cache.prefix_cached = True
    assert cache.hit_tokens(50) == 32
    assert cache.shared_saving() == 0
    cache.sharers.update({1, 2, 3})
    assert cache.shared_saving() == 4
