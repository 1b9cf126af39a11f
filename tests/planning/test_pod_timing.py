"""When a pod is ready: its probes against the time that the server needs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from scalecert.planning.pod_timing import PodTiming
from scalecert.policy.model import Probe


def timing(**parts: Any) -> PodTiming:
    """Return pods whose image takes 20 s and whose server listens after 70 s."""
    facts: dict[str, Any] = {
        "image_pull_seconds": 20.0,
        "model_load_seconds": 70.0,
        "startup": None,
        "readiness": None,
        "pre_stop_seconds": 0.0,
        "drain_seconds": math.inf,
        "grace_seconds": math.inf,
    }
    return PodTiming(**{**facts, **parts})


def probe(period: int, delay: int = 0, successes: int = 1) -> Probe:
    return Probe(initial_delay_seconds=delay, period_seconds=period, success_threshold=successes)


@pytest.mark.parametrize(
    ("probes", "ready"),
    [
        ({}, 0.0),
        ({"readiness": probe(9)}, 72.0),
        ({"readiness": probe(10)}, 80.0),
        ({"readiness": probe(20)}, 80.0),
        ({"readiness": probe(10, delay=5)}, 80.0),
        ({"readiness": probe(10, delay=95)}, 100.0),
        ({"readiness": probe(10, successes=3)}, 100.0),
        ({"startup": probe(15)}, 75.0),
        ({"startup": probe(15), "readiness": probe(10)}, 75.0),
        ({"startup": probe(15), "readiness": probe(10, successes=3)}, 95.0),
        ({"startup": probe(10, delay=200)}, 200.0),
    ],
)
def test_a_pod_is_ready_when_its_probes_say_so(probes: dict[str, Probe], ready: float):
    """Without any as soon as it runs; a startup probe alone holds it back too, as the kubelet does.

    kubernetes pkg/kubelet/prober/prober_manager.go, UpdatePodStatus: no container is ready before
    its startup probe has succeeded; readiness is asked for in that moment (worker.go). A probe in
    the very moment in which the server begins to listen comes too early.
    """
    pods = timing(**probes)
    assert pods.ready_after(100.0) == 100.0 + ready
    assert pods.startup_seconds() == 20.0 + ready


def test_requests_end_at_the_latest_with_the_grace_period():
    """The preStop sleep counts into it; what the server would still do is cut off."""
    assert (
        timing(pre_stop_seconds=60.0, drain_seconds=0.0, grace_seconds=120.0).killed_after() == 60.0
    )
    assert timing(pre_stop_seconds=60.0, grace_seconds=30.0).killed_after() == 30.0
