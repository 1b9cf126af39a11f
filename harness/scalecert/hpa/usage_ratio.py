"""From a usage ratio (usage / target) to a replica count, the same way for every per-pod metric.

The rules of replica_calculator.go for tolerance, for pods whose metric must be guessed, and against
turning the direction of scaling around.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scalecert.hpa.arithmetic import MAX_INT32, ceiling_to_int32
from scalecert.hpa.metrics.interfaces import PodMetric, PodMetricsInfo
from scalecert.hpa.pod_groups import PodGroups


class Tolerances(NamedTuple):
    """How far from 1 a usage ratio may be without scaling, per direction."""

    scale_down: float
    scale_up: float

    def is_within(self, usage_ratio: float) -> bool:
        """Tell whether the ratio is within tolerance; both edges are."""
        return (1.0 - self.scale_down) <= usage_ratio <= (1.0 + self.scale_up)


def needs_filling(groups: PodGroups, ratio: float) -> bool:
    """Tell whether there are pods without a metric that must be guessed."""
    return bool(groups.missing) or (bool(groups.unready) and ratio > 1.0)


def fill(
    metrics: PodMetricsInfo, groups: PodGroups, ratio: float, scale_down_milli: Callable[[str], int]
) -> None:
    """Add a guess for each pod without a metric, always against the direction of scaling.

    Args:
        metrics: per pod name; changed in place.
        groups: of the pods.
        ratio: without the guesses.
        scale_down_milli: what a pod of that name is taken to use against scaling down.
    """
    if ratio < 1.0:
        metrics.update((name, _guess(scale_down_milli(name))) for name in groups.missing)
    elif ratio > 1.0:
        metrics.update((name, _guess(0)) for name in groups.missing | groups.unready)


def _guess(value_milli: int) -> PodMetric:
    return PodMetric(value_milli, timestamp_ms=0, window_ms=0)


def scaled_replicas(
    ratio: float, ready_pod_count: int, current_replicas: int, tolerances: Tolerances
) -> int:
    """Return the count where every pod that counts has a metric: by pods that are ready."""
    if tolerances.is_within(ratio):
        return current_replicas
    return ceiling_to_int32(ratio * ready_pod_count)


def rescaled_replicas(
    ratio: float,
    refilled_ratio: float,
    metrics_count: int,
    current_replicas: int,
    tolerances: Tolerances,
) -> int:
    """Return the count after filling in, which may not turn the direction around."""
    turned = ratio < 1.0 < refilled_ratio or ratio > 1.0 > refilled_ratio
    if turned or tolerances.is_within(refilled_ratio):
        return current_replicas
    replicas = ceiling_to_int32(refilled_ratio * metrics_count)
    if refilled_ratio < 1.0 and replicas > current_replicas:
        return current_replicas
    if refilled_ratio > 1.0 and replicas < current_replicas:
        return current_replicas
    return replicas


def capped_replicas(replicas: float) -> int:
    """Round up, and keep what is too large at the highest int32."""
    return MAX_INT32 if replicas > MAX_INT32 else ceiling_to_int32(replicas)
