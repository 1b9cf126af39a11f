"""One replica's capacity: the unit that scenarios state their load in.

Capacity is the highest Poisson rate, with the scenario's request sizes, at which one replica
meets the objective in each of five named seeds of `REQUESTS` requests, the first fifth left out,
bisected to 1 %. This one function computes it, everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalecert.engines.base import Engine, RequestLog, Status
from scalecert.recording.latencies import latency_seconds, measure
from scalecert.recording.plan import Capacity, ObjectiveTerm
from scalecert.rng import Generator, stream
from scalecert.units import format_seconds

SEEDS = (101, 102, 103, 104, 105)
REQUESTS = 2000
WARM_UP_SHARE = 0.2
PRECISION = 0.01

Sizes = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]
StartEngine = Callable[[RequestLog], Engine]
DrawSizes = Callable[[int, Generator], Sizes]


class ObjectiveOutOfReachError(ValueError):
    """Even lone requests on an idle replica miss the objective; the text says by how much."""


def _within(measured: Sequence[float], objective: Sequence[ObjectiveTerm]) -> bool:
    return all(value <= term.limit_seconds for value, term in zip(measured, objective, strict=True))


def _miss(measured: Sequence[float], objective: Sequence[ObjectiveTerm]) -> str:
    figures = (
        f"{term.text()} is {format_seconds(value)}"
        for value, term in zip(measured, objective, strict=True)
    )
    return "one idle replica misses the objective: " + ", ".join(figures)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One seed's requests at unit rate: times scale by 1 / rate, sizes stay."""

    unit_arrivals: npt.NDArray[np.float64]
    input_tokens: list[int]
    output_tokens: list[int]


def replica_capacity(
    start: StartEngine, draw_sizes: DrawSizes, objective: Sequence[ObjectiveTerm]
) -> Capacity:
    """Return one replica's capacity under `objective`.

    Args:
        start: returns a started, idle engine that logs into the given log.
        draw_sizes: (count, generator) -> input and output tokens, none beyond the context.
        objective: the latency limits to hold.

    Raises:
        ObjectiveOutOfReachError: if no rate meets the objective.
    """
    trials = [_draw(seed, draw_sizes) for seed in SEEDS]

    def holds(rate: float) -> bool:
        return all(_within(_measured(start, trial, rate, objective), objective) for trial in trials)

    saturated = _saturated_per_second(start, trials[0])
    high = 2.0 * saturated
    low = high / 1024.0
    if not holds(low):
        raise ObjectiveOutOfReachError(
            _miss(_measured(start, trials[0], low, objective), objective)
        )
    while holds(high):
        low, high = high, 2.0 * high
    while high - low > PRECISION * low:
        middle = (low * high) ** 0.5 if high > 2.0 * low else (low + high) / 2.0
        low, high = (middle, high) if holds(middle) else (low, middle)
    sizes = (
        np.concatenate([trial.input_tokens for trial in trials]),
        np.concatenate([trial.output_tokens for trial in trials]),
    )
    return Capacity(
        requests_per_second=round(low, 6),
        saturated_per_second=round(max(saturated, low), 6),
        input_tokens_mean=round(float(sizes[0].mean()), 3),
        output_tokens_mean=round(float(sizes[1].mean()), 3),
        method=f"highest Poisson rate that holds the objective in {len(SEEDS)} seeds of "
        f"{REQUESTS} requests, first {WARM_UP_SHARE:.0%} left out, bisected to {PRECISION:.0%}",
    )


def _draw(seed: int, draw_sizes: DrawSizes) -> _Trial:
    gaps = stream(seed, "capacity", "arrivals").exponential(size=REQUESTS)
    inputs, outputs = draw_sizes(REQUESTS, stream(seed, "capacity", "sizes"))
    return _Trial(np.cumsum(gaps), inputs.tolist(), outputs.tolist())


def saturated_per_second(start: StartEngine, draw_sizes: DrawSizes) -> float:
    """Return the requests per second that one replica serves with an endless queue."""
    return _saturated_per_second(start, _draw(SEEDS[0], draw_sizes))


def _saturated_per_second(start: StartEngine, trial: _Trial) -> float:
    """Return the rate at which the middle half of requests finishes when all come at once."""
    finished = np.sort(_run(start, trial, [0.0] * REQUESTS).last_token_seconds)
    quarter = REQUESTS // 4
    return 2 * quarter / float(finished[3 * quarter] - finished[quarter])


def _run(start: StartEngine, trial: _Trial, arrivals: list[float]) -> RequestLog:
    log = RequestLog.of_size(REQUESTS)
    engine = start(log)
    engine.offer(range(REQUESTS), arrivals, trial.input_tokens, trial.output_tokens)
    engine.advance(float("inf"))
    return log


def _measured(
    start: StartEngine, trial: _Trial, rate: float, objective: Sequence[ObjectiveTerm]
) -> list[float]:
    """Return each term's quantile after the warm-up; what was not served takes forever."""
    arrivals = trial.unit_arrivals / rate
    log = _run(start, trial, arrivals.tolist())
    skip = int(REQUESTS * WARM_UP_SHARE)
    measured = []
    for term in objective:
        latencies = latency_seconds(
            term.metric,
            arrival=arrivals,
            first_token=np.array(log.first_token_seconds),
            last_token=np.array(log.last_token_seconds),
            output_tokens=np.array(trial.output_tokens, dtype=np.float64),
            served=np.array(log.status) == Status.OK,
        )[skip:]
        measured.append(measure(latencies, term) or 0.0)
    return measured
