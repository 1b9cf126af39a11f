"""Each latency is what its formula says, and what never came is never fast."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.recording.latencies import FROM_ARRIVAL, in_words, latency_seconds
from scalecert.recording.plan import LatencyMetric

METRICS = get_args(LatencyMetric)
SEEN = {"arrival": 1.0, "scheduled": 4.0, "first_token": 4.5, "last_token": 7.0}


def latency(metric: LatencyMetric, tokens: int = 6, **changes: Any) -> float:
    """Return the latency of one request: 3 s queued, 0.5 s to its first token, 2.5 s for others."""
    facts = {**SEEN, "output_tokens": tokens, "served": True, **changes}
    columns = {name: np.array([value]) for name, value in facts.items()}
    return float(latency_seconds(metric, **columns)[0])


@pytest.mark.parametrize(
    ("metric", "seconds"),
    [("ttft", 3.5), ("tpot", 2.5 / 5), ("mean_time_per_token", 3.0 / 6), ("e2e", 6.0)],
)
def test_formulas(metric: LatencyMetric, seconds: float) -> None:
    """TTFT and E2E from arrival, TPOT after the first token, mean time per token after queueing."""
    assert latency(metric) == pytest.approx(seconds)


@pytest.mark.parametrize("metric", METRICS)
def test_queueing_is_in_what_counts_from_arrival_and_in_nothing_else(metric: LatencyMetric) -> None:
    """A request that waits an hour longer: its other latencies are what they were."""
    hour = {name: value + 3600 * (name != "arrival") for name, value in SEEN.items()}
    longer = latency(metric, **hour) - latency(metric)
    assert longer == pytest.approx(3600.0 if metric in FROM_ARRIVAL else 0.0)


@pytest.mark.parametrize("metric", ["tpot", "mean_time_per_token", "e2e"])
def test_an_answer_without_an_end_is_never_fast(metric: LatencyMetric) -> None:
    """Refused, or broken off after some tokens."""
    assert latency(metric, served=False) == np.inf
    assert latency(metric, served=False, last_token=np.nan, scheduled=np.nan) == np.inf


def test_an_unknown_end_of_queueing_is_never_fast() -> None:
    """It touches the mean time per token alone."""
    assert latency("mean_time_per_token", scheduled=np.nan) == np.inf
    for metric in ("ttft", "tpot", "e2e"):
        assert latency(metric, scheduled=np.nan) == latency(metric)


def test_one_token_has_a_mean_time_but_no_time_between_tokens() -> None:
    """The mean of one: prefill and all."""
    assert latency("mean_time_per_token", tokens=1) == pytest.approx(3.0)
    assert np.isnan(latency("tpot", tokens=1))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    prefill=st.floats(0.001, 5.0),
    gap=st.floats(0.001, 1.0),
    tokens=st.integers(2, 500),
    queued=st.floats(0.0, 60.0),
)
def test_the_mean_time_lies_between_tpot_and_prefill(
    prefill: float, gap: float, tokens: int, queued: float
) -> None:
    """It is the mean of one prefill and the gaps after it."""
    first = 1.0 + queued + prefill
    seen = {
        "scheduled": 1.0 + queued,
        "first_token": first,
        "last_token": first + gap * (tokens - 1),
    }
    mean = latency("mean_time_per_token", tokens, **seen)
    assert min(prefill, gap) - 1e-9 <= mean <= max(prefill, gap) + 1e-9


def test_words() -> None:
    """Abbreviations are upper case, words are not."""
    assert [in_words(metric) for metric in METRICS] == [
        "TTFT", "TPOT", "mean time per token", "E2E",
    ]  # fmt: skip
