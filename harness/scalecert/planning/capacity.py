"""One replica's capacity: the unit that scenarios state their load in.

Capacity is the highest Poisson rate, with the scenario's request sizes, at which one replica
meets the objective in each of five named seeds, the first fifth of the requests left out, bisected
to 1 %; it is never above what the replica serves with an endless queue. A seed has `REQUESTS`
requests, and more where the server is so fast that these would pass before an overload shows. This
one function computes it, everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog, Status
from scalecert.errors import UsageError
from scalecert.recording.latencies import latency_seconds, measure
from scalecert.recording.plan import Capacity, ObjectiveTerm
from scalecert.rng import Generator, stream
from scalecert.units import format_seconds

SEEDS = (101, 102, 103, 104, 105)
REQUESTS = 2000
LEAST_SECONDS = 120.0
"""The shortest trial: an overload by 2 % then adds 2.4 s of queue, beyond usual limits of TTFT."""
LOWEST_SHARE = 1 / 1024
"""Of the saturated rate: one request at a time, but for a server of thousands of slots."""
MOST_PER_SECOND = 5000.0
"""Of one replica; beyond it one look would run a million requests."""
MOST_REQUESTS = 4_000_000
"""In all looks of one search, at 5 to 10 us each, measured; an H200 with the smallest of requests
takes 1.2 million."""
OVERLOAD = 4.0
"""How many times what it serves a server with a limit on its queue is offered."""
WARM_UP_SHARE = 0.2
PRECISION = 0.01

Sizes = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]
Floats = npt.NDArray[np.float64]
StartEngine = Callable[[RequestLog], Engine]
DrawSizes = Callable[[int, Generator], Sizes]


class ObjectiveOutOfReachError(ValueError):
    """Even lone requests on an idle replica miss the objective; the text says by how much."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One seed's requests at unit rate: times scale by 1 / rate, sizes stay."""

    unit_arrivals: Floats
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
        UsageError: if the search would run more than `MOST_REQUESTS`.
    """
    start = _rationed(start)
    first, saturated = _first_trial(start, draw_sizes)
    count = len(first.output_tokens)
    trials = [first, *(_draw(seed, draw_sizes, count) for seed in SEEDS[1:])]
    rate = saturated
    for trial in trials:
        rate = _highest(start, trial, objective, rate)
    inputs = np.concatenate([trial.input_tokens for trial in trials])
    outputs = np.concatenate([trial.output_tokens for trial in trials])
    return Capacity(
        requests_per_second=round(rate, 6),
        saturated_per_second=round(saturated, 6),
        input_tokens_mean=round(float(inputs.mean()), 3),
        output_tokens_mean=round(float(outputs.mean()), 3),
        method=f"highest Poisson rate that holds the objective in {len(SEEDS)} seeds of "
        f"{count} requests, first {WARM_UP_SHARE:.0%} left out, bisected to {PRECISION:.0%}, "
        "at most the saturated rate",
    )


def _rationed(start: StartEngine) -> StartEngine:
    """Return `start` that refuses to begin a run once the search's requests are used up."""
    left = MOST_REQUESTS

    def start_another(log: RequestLog) -> Engine:
        nonlocal left
        left -= len(log.status)
        if left < 0:
            raise UsageError(
                f"found a replica so fast that the search would run more than {MOST_REQUESTS}"
                " requests",
                field="workload.sizes",
                hint="larger requests, or pin the replica's capacity with --capacity",
            )
        return start(log)

    return start_another


def _highest(
    start: StartEngine, trial: _Trial, objective: Sequence[ObjectiveTerm], top: float
) -> float:
    """Return the highest rate up to `top` at which one seed holds, to 1 %.

    Seeds agree within a few percent, so from `top` on it looks a little lower first, and then
    twice as far each time.
    """

    def measured(rate: float) -> list[float]:
        return _measured(start, trial, rate, objective)

    low = high = top
    gap = PRECISION
    while not _within(figures := measured(low), objective):
        if low < top * LOWEST_SHARE:
            raise ObjectiveOutOfReachError(_miss(figures, objective))
        high, low = low, top * (1.0 - gap) if gap < 1.0 else low / 2.0
        gap *= 2.0
    while high - low > PRECISION * low:
        middle = (low + high) / 2.0
        low, high = (middle, high) if _within(measured(middle), objective) else (low, middle)
    return low


def _draw(seed: int, draw_sizes: DrawSizes, count: int) -> _Trial:
    gaps = stream(seed, "capacity", "arrivals").exponential(size=count)
    inputs, outputs = draw_sizes(count, stream(seed, "capacity", "sizes"))
    return _Trial(np.cumsum(gaps), inputs.tolist(), outputs.tolist())


def saturated_per_second(start: StartEngine, draw_sizes: DrawSizes) -> float:
    """Return the requests per second that one replica serves with an endless queue."""
    return _first_trial(start, draw_sizes)[1]


def _first_trial(start: StartEngine, draw_sizes: DrawSizes) -> tuple[_Trial, float]:
    """Return the first seed's trial, long enough for this server, and its saturated rate."""
    trial = _draw(SEEDS[0], draw_sizes, REQUESTS)
    saturated = _saturated_per_second(start, trial)
    count = math.ceil(LEAST_SECONDS * saturated)
    if count > REQUESTS:
        trial = _draw(SEEDS[0], draw_sizes, count)
        saturated = _saturated_per_second(start, trial)
    return trial, saturated


def _saturated_per_second(start: StartEngine, trial: _Trial) -> float:
    """Return the rate at which a server finishes requests that never leave it idle.

    All come at once. A server that refuses most of them then, at a limit on its queue, is never
    full for long: to it they come at `OVERLOAD` times what it served.
    """
    finished = _finish_seconds(start, trial, [0.0] * len(trial.output_tokens))
    if 0 < finished.size < len(trial.output_tokens):
        served_per_second = finished.size / max(float(finished[-1]), 1.0 / MOST_PER_SECOND)
        paced = trial.unit_arrivals / (OVERLOAD * served_per_second)
        finished = _finish_seconds(start, trial, paced.tolist())
    return _middle_rate(finished, len(trial.output_tokens))


def _finish_seconds(start: StartEngine, trial: _Trial, arrivals: list[float]) -> Floats:
    """Return when the requests that were served finished, sorted."""
    log = _run(start, trial, arrivals)
    return np.sort(np.array(log.last_token_seconds)[np.array(log.status) == Status.OK])


def _middle_rate(finished: Floats, offered: int) -> float:
    """Return the rate of the middle half of so many finishes."""
    quarter = finished.size // 4
    if not quarter:
        raise UsageError(
            f"found a server that serves {finished.size} of {offered} such requests",
            field="workload.sizes",
            hint="smaller requests, or a server with a larger KV cache or queue",
        )
    seconds = float(finished[3 * quarter] - finished[quarter])
    if not 2 * quarter <= MOST_PER_SECOND * seconds:
        raise UsageError(
            f"found a replica that serves more than {MOST_PER_SECOND:g} such requests/s",
            field="workload.sizes",
            hint="larger requests, or the costs of the engine profile as they are",
        )
    return 2 * quarter / seconds


def _run(start: StartEngine, trial: _Trial, arrivals: list[float]) -> RequestLog:
    count = len(arrivals)
    log = RequestLog.of_size(count)
    engine = start(log)
    engine.offer(range(count), arrivals, trial.input_tokens, trial.output_tokens)
    engine.advance(float("inf"))
    return log


def _measured(
    start: StartEngine, trial: _Trial, rate: float, objective: Sequence[ObjectiveTerm]
) -> list[float]:
    """Return each term's quantile after the warm-up; what was not served takes forever."""
    arrivals = trial.unit_arrivals / rate
    log = _run(start, trial, arrivals.tolist())
    skip = int(len(arrivals) * WARM_UP_SHARE)
    measured = []
    for term in objective:
        latencies = latency_seconds(
            term.metric,
            arrival=arrivals,
            scheduled=np.array(log.scheduled_seconds),
            first_token=np.array(log.first_token_seconds),
            last_token=np.array(log.last_token_seconds),
            output_tokens=np.array(trial.output_tokens, dtype=np.float64),
            served=np.array(log.status) == Status.OK,
        )[skip:]
        measured.append(measure(latencies, term) or 0.0)
    return measured


def _within(measured: Sequence[float], objective: Sequence[ObjectiveTerm]) -> bool:
    return all(value <= term.limit_seconds for value, term in zip(measured, objective, strict=True))


def _miss(measured: Sequence[float], objective: Sequence[ObjectiveTerm]) -> str:
    figures = (
        f"{term.text()} is {format_seconds(value)}"
        for value, term in zip(measured, objective, strict=True)
    )
    return "one idle replica misses the objective: " + ", ".join(figures)
