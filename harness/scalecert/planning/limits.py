"""How much one run may ask for: what would take hours is refused before it starts, in one line.

A scenario's own values have limits in `scenario.model` and `workload.model`, and the number of
requests in `workload.arrivals`; here are the limits of what policy and scenario make together.
"""

from __future__ import annotations

from scalecert.errors import UsageError
from scalecert.policy.model import Policy
from scalecert.scenario.model import Scenario
from scalecert.workload.model import Sine

MAX_REPLICAS = 5_000
"""As many nodes as one Kubernetes cluster supports (kubernetes.io, Considerations for large
clusters)."""
MAX_LOOKS = 5_000_000
"""Pods x (syncs of the HPA + scrapes); 0.05 ms each, measured: a run of four minutes."""

MAX_TURNS = 1_000
"""Periods of a sine in a run; each is cut into 256 pieces (`workload.rate`)."""


def check_limits(policy: Policy, scenario: Scenario) -> None:
    """Refuse a run that would look at too many pods too often.

    Raises:
        UsageError: for maxReplicas above `MAX_REPLICAS`, or more than `MAX_LOOKS` or `MAX_TURNS`.
    """
    _check_turns(scenario)
    replicas = policy.hpa.max_replicas
    if replicas > MAX_REPLICAS:
        raise policy.document.error(
            f"found {replicas}, expected at most {MAX_REPLICAS} replicas in a run",
            field="spec.maxReplicas",
        )
    looks = replicas * _looks_at_a_pod(policy, scenario)
    if looks > MAX_LOOKS:
        raise UsageError(
            f"found {looks:.3g} looks at pods, by the HPA's syncs and by scrapes of up to"
            f" {replicas} replicas, expected at most {MAX_LOOKS}",
            field="spec.duration",
            hint="a shorter run, longer intervals of monitors, or lower maxReplicas",
        )


def _check_turns(scenario: Scenario) -> None:
    rate = scenario.spec.workload.rate
    if isinstance(rate, Sine) and scenario.spec.duration > MAX_TURNS * rate.period:
        raise UsageError(
            f"found {rate.period:g}s, expected at most {MAX_TURNS} periods in a run of"
            f" {scenario.spec.duration:g}s",
            field="spec.workload.rate.period",
        )


def _looks_at_a_pod(policy: Policy, scenario: Scenario) -> float:
    """Return how often one pod is looked at in a run."""
    cluster, duration = scenario.spec.cluster, float(scenario.spec.duration)
    scrapes = [config.interval_seconds for config in policy.scrape_configs]
    intervals = [
        float(cluster.controllers.sync_period),
        float(cluster.metrics.resource_resolution),
        *(scrapes or [float(cluster.metrics.scrape_interval)]),
    ]
    return sum(duration / seconds for seconds in intervals)
