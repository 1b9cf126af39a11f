"""How much one run may ask for: what would take hours is refused before it starts, in one line.

A scenario's own values have limits in `scenario.model` and `workload.model`, and the number of
requests in `workload.arrivals`; here are the limits of what policy and scenario make together.
"""

from __future__ import annotations

from scalecert.errors import UsageError
from scalecert.policy.model import Policy
from scalecert.scenario.model import Scenario

MAX_REPLICAS = 5_000
"""As many nodes as one Kubernetes cluster supports (kubernetes.io, Considerations for large
clusters)."""
MAX_LOOKS = 5_000_000
"""Pods x (syncs of the HPA + scrapes); 0.05 ms each, measured: a run of four minutes."""


def check_limits(policy: Policy, scenario: Scenario) -> None:
    """Refuse a run that would look at too many pods too often.

    Raises:
        UsageError: for maxReplicas above `MAX_REPLICAS`, or more than `MAX_LOOKS`.
    """
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
