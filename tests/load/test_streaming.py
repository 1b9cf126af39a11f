"""Which answers are streamed: as many as the machine carries, and always the same ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.load import TOKENS_PER_SECOND, streamed_mask
from scalecert.workload.generate import Requests


def requests_of(rate: float, tokens: int, seconds: float = 600.0) -> Requests:
    """Return evenly spread requests."""
    times = np.arange(0.0, seconds, 1 / rate)
    sizes = np.full(len(times), tokens, dtype=np.int32)
    return Requests(times, sizes, sizes, 0)


def test_all_are_streamed_within_the_budget():
    """10 requests/s of 200 tokens are 2,000 tokens/s."""
    assert streamed_mask(requests_of(10.0, 200), seed=1).all()


def test_beyond_it_the_share_is_what_the_budget_carries():
    """Of 4 times the budget a quarter, within five standard errors."""
    mask = streamed_mask(requests_of(TOKENS_PER_SECOND / 25, 100), seed=1)
    assert abs(mask.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / len(mask))


def test_a_time_lapse_makes_as_many_more_tokens_a_second():
    """The wall's seconds count."""
    requests = requests_of(30.0, 125)
    assert streamed_mask(requests, seed=1).all()
    lapsed = streamed_mask(requests, seed=1, time_lapse=5)
    slower = streamed_mask(requests, seed=1, tokens_per_second=TOKENS_PER_SECOND / 5)
    assert lapsed.tolist() == slower.tolist()
    assert 0.3 < lapsed.mean() < 0.5


def test_the_peak_decides():
    """A minute of four times the load takes the share down for the whole run."""
    calm, peak = requests_of(10.0, 200), requests_of(40.0, 200, 60.0)
    times = np.sort(np.concatenate([calm.arrival_seconds, peak.arrival_seconds + 240.0]))
    sizes = np.full(len(times), 200, dtype=np.int32)
    mask = streamed_mask(Requests(times, sizes, sizes, 0), seed=1, tokens_per_second=5_000.0)
    assert 0.4 < mask.mean() < 0.6


@settings(derandomize=True, max_examples=50)
@given(st.floats(10, 1e5), st.floats(10, 1e5), st.integers(1, 9))
def test_a_smaller_budget_streams_some_of_the_same(one, other, seed):
    """So that runs with other budgets can be compared, request by request."""
    requests = requests_of(50.0, 200, 60.0)
    small, large = (
        streamed_mask(requests, seed=seed, tokens_per_second=budget)
        for budget in sorted((one, other))
    )
    assert not np.any(small & ~large)


def test_no_requests_need_no_budget():
    """An empty run has an empty mask."""
    empty = np.empty(0, dtype=np.int32)
    assert len(streamed_mask(Requests(np.empty(0), empty, empty, 0), seed=1)) == 0
