"""Recorded against simulated: figures of one phase and their relative errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine_replay.recorded import Gauges, Phase
from engine_replay.simulated import Simulated

Figures = dict[str, float]

STATISTICS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda values: float(values.mean()),
    "p50": lambda values: float(np.quantile(values, 0.50)),
    "p90": lambda values: float(np.quantile(values, 0.90)),
    "p99": lambda values: float(np.quantile(values, 0.99)),
}


def compare(phase: Phase, simulated: Simulated) -> dict[str, dict[str, float | None]]:
    """Return {figure: {measured, simulated, error}}; None where one side has no such figure.

    Latencies are seconds, of requests sent in the phase's window; an error is relative, for
    preemptions and for gauges that are near 0 it is None.
    """
    measured = recorded_figures(phase)
    modelled = simulated_figures(phase, simulated)
    return {
        name: {
            "measured": measured.get(name),
            "simulated": modelled.get(name),
            "error": _relative(measured.get(name), modelled.get(name)),
        }
        for name in measured
    }


def recorded_figures(phase: Phase) -> Figures:
    """Return the figures of the recording."""
    requests, gauges = phase.requests, phase.gauges
    figures = _latencies(
        phase,
        requests.sent_seconds,
        requests.first_seconds,
        requests.last_seconds,
        requests.output_tokens,
    )
    figures |= _gauge_means(phase, gauges.running, gauges.waiting)
    if len(gauges.preemptions):
        figures["preemptions"] = float(gauges.preemptions[-1] - gauges.preemptions[0])
    return figures


def simulated_figures(phase: Phase, simulated: Simulated) -> Figures:
    """Return the figures of the simulation.

    In an open phase only of requests that the recording has them of, too.
    """
    first, last = simulated.first_seconds, simulated.last_seconds
    if not phase.concurrency:
        first = np.where(np.isnan(phase.requests.first_seconds), np.nan, first)
        last = np.where(np.isnan(phase.requests.last_seconds), np.nan, last)
    figures = _latencies(phase, simulated.sent_seconds, first, last, simulated.output_tokens)
    figures |= _gauge_means(phase, simulated.running, simulated.waiting)
    figures["preemptions"] = float(simulated.preemptions)
    return figures


def _latencies(
    phase: Phase, sent: np.ndarray, first: np.ndarray, last: np.ndarray, tokens: np.ndarray
) -> Figures:
    inside = (sent >= phase.window[0]) & (sent < phase.window[1])
    ttft = (first - sent)[inside & ~np.isnan(first)]
    several = inside & ~np.isnan(last) & (tokens > 1)
    tpot = (last - first)[several] / (tokens[several] - 1)
    return {
        f"{name}_{statistic}": take(values)
        for name, values in (("ttft", ttft), ("tpot", tpot))
        for statistic, take in STATISTICS.items()
        if len(values)
    }


def _gauge_means(phase: Phase, running: np.ndarray, waiting: np.ndarray) -> Figures:
    times = phase.gauges.time_seconds
    inside = (times >= phase.window[0]) & (times < min(phase.window[1], _span(phase.gauges)))
    if not inside.any() or len(running) != len(times):
        return {}
    return {"running": float(running[inside].mean()), "waiting": float(waiting[inside].mean())}


def _span(gauges: Gauges) -> float:
    """Return where the phase's samples end: the last in which anything ran."""
    busy = np.flatnonzero((gauges.running > 0) | (gauges.waiting > 0))
    return float(gauges.time_seconds[busy[-1]]) + 1e-6 if len(busy) else 0.0


def _relative(measured: float | None, simulated: float | None) -> float | None:
    if measured is None or simulated is None or abs(measured) < 1e-9:
        return None
    return simulated / measured - 1
