"""Which pods' metrics count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scalecert.hpa.metrics.interfaces import PodMetric
from scalecert.hpa.pod_groups import ReadinessPeriods, get_ready_pods_count, group_pods
from scalecert.hpa.pods import Pod, PodPhase, ReadyCondition

PERIODS = ReadinessPeriods(cpu_initialization_ms=300_000, initial_readiness_delay_ms=30_000)
MakePod = Callable[..., Pod]


def grouped(one: Pod, *, resource: str = "cpu", metric: PodMetric | None, now_ms: int = 0) -> str:
    """Return the group that the pod is in."""
    metrics = {} if metric is None else {one.name: metric}
    found = group_pods([one], metrics, resource, PERIODS, now_ms=now_ms)
    names = ["unready", "missing", "ignored"]
    return next((name for name in names if getattr(found, name)), "ready")


FRESH = PodMetric(100, 0, 30_000)


@pytest.mark.parametrize(
    ("fields", "metric", "expected"),
    [
        ({}, FRESH, "ready"),
        ({"deleted": True}, FRESH, "ignored"),
        ({"phase": PodPhase.FAILED}, FRESH, "ignored"),
        ({"phase": PodPhase.PENDING}, FRESH, "unready"),
        ({"phase": PodPhase.PENDING, "deleted": True}, FRESH, "ignored"),
        ({}, None, "missing"),
        ({"phase": PodPhase.SUCCEEDED}, None, "missing"),
        ({"ready": None}, FRESH, "unready"),
        ({"start_time_ms": None}, FRESH, "unready"),
        ({"ready": ReadyCondition("Unknown", -1)}, FRESH, "ready"),
    ],
)
def test_phase_comes_before_metrics_and_metrics_before_readiness(
    pod: MakePod, fields: dict, metric: PodMetric | None, expected: str
) -> None:
    """Pods that go away or failed are ignored, pending ones unready, then those without metrics."""
    assert grouped(pod(0, **fields), metric=metric) == expected


@pytest.mark.parametrize("resource", ["memory", ""])
def test_readiness_counts_for_cpu_only(pod: MakePod, resource: str) -> None:
    """A server that is warming up counts as ready for memory and for metrics of pods."""
    warming = pod(0, start_time_ms=-1, ready=ReadyCondition("False", -1))
    assert grouped(warming, resource=resource, metric=FRESH) == "ready"
    assert grouped(warming, resource="cpu", metric=FRESH) == "unready"


@pytest.mark.parametrize(
    ("now_ms", "timestamp_ms", "expected"),
    [
        (299_999, 39_999, "unready"),  # initializing, window not complete since it became ready
        (299_999, 40_000, "ready"),  # initializing, exactly one window
        (300_000, 0, "ready"),  # the period is over
    ],
)
def test_while_initializing_one_window_must_pass(
    pod: MakePod, now_ms: int, timestamp_ms: int, expected: str
) -> None:
    """A sample counts from one whole window after readiness; later any sample does."""
    started = pod(0, start_time_ms=0, ready=ReadyCondition("True", 10_000))
    metric = PodMetric(100, timestamp_ms, 30_000)
    assert grouped(started, metric=metric, now_ms=now_ms) == expected


@pytest.mark.parametrize(("transition_ms", "expected"), [(29_999, "unready"), (30_000, "ready")])
def test_later_only_pods_that_were_never_ready_are_unready(
    pod: MakePod, transition_ms: int, expected: str
) -> None:
    """After the period, readiness lost late does not matter; lost within the delay it does."""
    flapping = pod(0, start_time_ms=0, ready=ReadyCondition("False", transition_ms))
    assert grouped(flapping, metric=FRESH, now_ms=300_000) == expected


def test_ready_pods_include_those_that_go_away(pod: MakePod) -> None:
    """For values of objects and external metrics, running and ready is all that counts."""
    pods = [
        pod(0),
        pod(1, deleted=True),
        pod(2, phase=PodPhase.SUCCEEDED),
        pod(3, ready=ReadyCondition("False", 0)),
        pod(4, ready=None),
    ]
    assert get_ready_pods_count(pods) == 2
