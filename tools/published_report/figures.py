"""The figures that claims are made of, by name: pure functions of a recording and a span of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from published_report import requests, signals
from scalecert.checks.timeline import replicas
from scalecert.recording.intervals import Span
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric

Figure = Callable[[Recording, Span], float]


def accelerator_hours(recording: Recording, span: Span) -> float:
    """Return accelerators held, terminating pods' too, x hours."""
    each = recording.plan.engine.accelerators_per_replica
    return replicas(recording, "bound").integral(span) / 3600 * each


def mean_replicas(recording: Recording, span: Span) -> float:
    """Return the mean of spec.replicas over time."""
    return replicas(recording, "spec").mean(span)


def replica_range(recording: Recording, span: Span) -> float:
    """Return the highest spec.replicas less the lowest."""
    held = replicas(recording, "spec").within(span)
    return float(held.max() - held.min())


def growth(figure: Figure, recording: Recording, span: Span) -> float:
    """Return a figure in the last third of the span less that in the first."""
    third = span.length_seconds / 3
    first = Span(span.start_seconds, span.start_seconds + third)
    last = Span(span.end_seconds - third, span.end_seconds)
    return figure(recording, last) - figure(recording, first)


def _of(metric: LatencyMetric) -> dict[str, Figure]:
    name = metric.replace("_", "-")
    return {
        f"{name}-mean": partial(requests.latency_mean, metric),
        f"{name}-p95": partial(requests.latency_quantile, metric, 0.95),
        f"{name}-p99": partial(requests.latency_quantile, metric, 0.99),
        f"growth-of-{name}": partial(growth, partial(requests.latency_mean, metric)),
        f"{name}-worst-minute": partial(requests.latency_worst_minute, metric),
        f"signal-against-{name}": partial(signals.signal_against_latency, metric),
    }


FIGURES: Mapping[str, Figure] = {
    "accelerator-hours": accelerator_hours,
    "replicas": mean_replicas,
    "replica-range": replica_range,
    "growth-of-replicas": partial(growth, mean_replicas),
    **_of("mean_time_per_token"),
    **_of("e2e"),
    **_of("ttft"),
    "unserved-share": requests.unserved_share,
    "served-per-second": requests.served_per_second,
    "throughput-below": requests.throughput_below,
    "throughput-beyond": requests.throughput_beyond,
    "latency-growth-below": requests.latency_growth_below,
    "latency-growth-beyond": requests.latency_growth_beyond,
    "signal-against-throughput": signals.signal_against_throughput,
    "signal-change": signals.signal_change,
    "signal-below": signals.signal_below,
    "downscale-wait": signals.downscale_wait,
    "backlog-against-latency": signals.backlog_against_latency,
}
"""Latencies are those of `scalecert.recording.latencies`."""
