"""Request sizes: samplers of the distributions.

Beside `arrivals` in the workload's flow, with a stream of its own. Capacity planning draws from
the same sampler that the runs draw from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from scalecert.errors import HarnessBug
from scalecert.request_limits import RequestLimits
from scalecert.rng import Generator
from scalecert.workload.model import (
    Distribution,
    Empirical,
    Fixed,
    Histogram,
    Lognormal,
    Sizes,
    Uniform,
)
from scalecert.workload.tables import NO_TABLES, SizePairs, Tables

Tokens = npt.NDArray[np.int32]
Sampler = Callable[[int], tuple[Tokens, Tokens]]
_Draw = Callable[[int], Tokens]


def sampler(sizes: Sizes | Literal["trace"], rng: Generator, tables: Tables = NO_TABLES) -> Sampler:
    """Return a function that draws the sizes of the next n requests: input and output, i4[n].

    Each side has a generator of its own, spawned from `rng`, so that the sizes of a request
    don't depend on how many are drawn at a time.
    """
    input_rng, output_rng = rng.spawn(2)
    whole = _pairs_of(sizes, tables)
    if whole is not None:
        return lambda count: _draw_pairs(whole, input_rng, count)
    if sizes == "trace":
        raise HarnessBug("sizes from a trace without its rows")
    draw_input = _draw(sizes.input, input_rng, _column(sizes.input, tables, "input_tokens"))
    draw_output = _draw(sizes.output, output_rng, _column(sizes.output, tables, "output_tokens"))
    return lambda count: (draw_input(count), draw_output(count))


def fits(
    input_tokens: Tokens, output_tokens: Tokens, longest: RequestLimits
) -> npt.NDArray[np.bool_]:
    """Return which requests a server takes."""
    whole = input_tokens.astype(np.int64) + output_tokens
    return np.asarray(
        (input_tokens <= longest.input_tokens)
        & (output_tokens <= longest.output_tokens)
        & (whole <= longest.total_tokens)
    )


def _pairs_of(sizes: Sizes | Literal["trace"], tables: Tables) -> SizePairs | None:
    """Return the pairs that are drawn whole, if they are."""
    if isinstance(sizes, Sizes):
        if isinstance(sizes.input, Empirical) and sizes.input == sizes.output:
            return tables.pairs[sizes.input.file]
        return None
    if tables.trace is None:
        return None
    return SizePairs(tables.trace.input_tokens, tables.trace.output_tokens)


def _draw_pairs(pairs: SizePairs, rng: Generator, count: int) -> tuple[Tokens, Tokens]:
    rows = rng.integers(len(pairs.input_tokens), size=count)
    return pairs.input_tokens[rows], pairs.output_tokens[rows]


def _column(
    side: Distribution, tables: Tables, name: Literal["input_tokens", "output_tokens"]
) -> Tokens:
    """Return the measured sizes that an empirical distribution draws from; else none."""
    if not isinstance(side, Empirical):
        return np.empty(0, dtype=np.int32)
    pairs = tables.pairs[side.file]
    return pairs.input_tokens if name == "input_tokens" else pairs.output_tokens


def _draw(side: Distribution, rng: Generator, measured: Tokens) -> _Draw:
    match side:
        case Fixed():
            return lambda count: np.full(count, side.tokens, dtype=np.int32)
        case Uniform():
            return lambda count: rng.integers(
                side.low, side.high, size=count, dtype=np.int32, endpoint=True
            )
        case Lognormal():
            mu, sigma = _log_parameters(side)
            return lambda count: np.clip(
                np.rint(rng.lognormal(mu, sigma, count)), 1, side.max
            ).astype(np.int32)
        case Histogram():
            heights = np.concatenate(([0.0], np.cumsum(side.weights)))
            return lambda count: _draw_histogram(side, heights, rng.random(count))
        case Empirical():
            return lambda count: measured[rng.integers(len(measured), size=count)]


def _draw_histogram(
    histogram: Histogram, heights: npt.NDArray[np.float64], share: npt.NDArray[np.float64]
) -> Tokens:
    # One draw gives the bin and the place in it: the inverse of a distribution function that is
    # straight within each bin.
    tokens = np.interp(share * heights[-1], heights, np.array(histogram.edges, dtype=np.float64))
    return np.asarray(np.minimum(tokens, histogram.edges[-1] - 1), dtype=np.int32)


def _log_parameters(side: Lognormal) -> tuple[float, float]:
    """Return mean and standard deviation of the logarithm."""
    variance = math.log1p(side.cv**2)
    return math.log(side.mean) - variance / 2, math.sqrt(variance)
