"""The Trial: one scenario made concrete for one policy, ready for a world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.metrics.inputs import MetricsInput
from scalecert.planning.pod_timing import PodTiming
from scalecert.planning.scaled_pods import ScaledPods
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Plan
from scalecert.workload.generate import Requests


@dataclass(frozen=True, slots=True)
class Trial:
    """What a world runs. `plan` goes into the recording; the rest is for the world.

    `start_engine(log, ordinal, now)` starts one idle server process in virtual time. A world with
    real processes makes its own from `resolved`, the engine as it is in this run (its profile off
    by the run's variation), and from the manifests of `policy`.
    """

    plan: Plan
    requests: Requests
    hpa: HorizontalPodAutoscalerSpec
    policy: Policy
    resolved: Resolved
    metrics: MetricsInput
    pods: ScaledPods
    timing: PodTiming
    initial_replicas: int
    start_engine: Callable[[RequestLog, int, float], Engine]

    @property
    def warm_nodes(self) -> int:
        """How many nodes there are: by default enough for maxReplicas and its successors."""
        nodes = self.plan.scenario.spec.cluster.nodes
        if nodes.warm is not None:
            return max(nodes.warm, self.initial_replicas)
        return 2 * self.plan.policy.max_replicas
