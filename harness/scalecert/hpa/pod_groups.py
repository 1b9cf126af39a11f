"""Which pods' metrics count (groupPods of replica_calculator.go).

Times are integer milliseconds of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from scalecert.hpa.metrics.interfaces import PodMetric
from scalecert.hpa.pods import Pod, PodPhase

_CPU: Final = "cpu"


class PodGroups(NamedTuple):
    """Pods by how their metrics count; names in the sets."""

    ready_pod_count: int
    unready: set[str]
    missing: set[str]
    ignored: set[str]


class ReadinessPeriods(NamedTuple):
    """The controller's flags for pods that start up."""

    cpu_initialization_ms: int
    """--horizontal-pod-autoscaler-cpu-initialization-period"""
    initial_readiness_delay_ms: int
    """--horizontal-pod-autoscaler-initial-readiness-delay"""


def group_pods(
    pods: Iterable[Pod],
    metrics: Mapping[str, PodMetric],
    resource: str,
    periods: ReadinessPeriods,
    *,
    now_ms: int,
) -> PodGroups:
    """Sort pods into ready, unready, missing and ignored; readiness counts for CPU only."""
    ready, unready, missing, ignored = 0, set[str](), set[str](), set[str]()
    for pod in pods:
        if pod.deleted or pod.phase == PodPhase.FAILED:
            ignored.add(pod.name)
        elif pod.phase == PodPhase.PENDING:
            unready.add(pod.name)
        elif pod.name not in metrics:
            missing.add(pod.name)
        elif resource == _CPU and _is_unready(pod, metrics[pod.name], periods, now_ms):
            unready.add(pod.name)
        else:
            ready += 1
    return PodGroups(ready, unready, missing, ignored)


def _is_unready(pod: Pod, metric: PodMetric, periods: ReadinessPeriods, now_ms: int) -> bool:
    """Tell whether a pod's CPU sample is to be left out."""
    if pod.ready is None or pod.start_time_ms is None:
        return True
    is_false = pod.ready.status == "False"
    transition_ms = pod.ready.last_transition_time_ms
    if pod.start_time_ms + periods.cpu_initialization_ms > now_ms:
        # starting up: also until one whole window was measured since readiness changed
        return is_false or metric.timestamp_ms < transition_ms + metric.window_ms
    # later on: only pods that have never been ready
    return is_false and pod.start_time_ms + periods.initial_readiness_delay_ms > transition_ms


def get_ready_pods_count(pods: Iterable[Pod]) -> int:
    """Return how many pods run and are ready; those that are going away count."""
    return sum(pod.phase == PodPhase.RUNNING and pod.is_ready for pod in pods)
