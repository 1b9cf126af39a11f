"""Which answers are read token by token: as many as the machine can carry.

Each token that a client reads wakes it up: 50 to 130 microseconds of CPU in Python. Where there
are too many, a share of the requests is asked without streaming, chosen at random, so that it is
like the rest; of those nobody sees the first token.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scalecert.rng import stream
from scalecert.workload.generate import Requests

TOKENS_PER_SECOND = 7_500.0
"""Streamed tokens per second of the wall clock that a generator's process carries with its
timings honest: docs/load.md has the measurement."""
_BIN_SECONDS = 60.0
"""Of the run: an answer's tokens spread over about as long, so a shorter peak is not one."""


def streamed_mask(
    requests: Requests,
    *,
    seed: int,
    time_lapse: int = 1,
    tokens_per_second: float = TOKENS_PER_SECOND,
) -> npt.NDArray[np.bool_]:
    """Return which requests are streamed, bool[n]; all if the peak stays within the budget.

    A smaller budget streams some of the same requests, no others.

    Args:
        requests: of the run.
        seed: of the run; the stream is "streamed".
        time_lapse: how many seconds of the run pass in one of the wall clock.
        tokens_per_second: the budget, in tokens per second of the wall clock.
    """
    peak = _peak_tokens_per_second(requests) * time_lapse
    share = min(1.0, tokens_per_second / peak) if peak > 0 else 1.0
    return stream(seed, "streamed").random(len(requests.arrival_seconds)) < share


def _peak_tokens_per_second(requests: Requests) -> float:
    """Return the most output tokens that are asked for in a bin, per second of the run."""
    if not len(requests.arrival_seconds):
        return 0.0
    bins = (requests.arrival_seconds / _BIN_SECONDS).astype(np.intp)
    return float(np.bincount(bins, weights=requests.output_tokens).max()) / _BIN_SECONDS
