"""A pod's status, as a kubelet writes it. Pure.

Phase: pkg/kubelet/kubelet_pods.go, getPhase. Conditions: pkg/kubelet/status/generate.go (v1.36.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scalecert.worlds.local.node_agent.container_state import (
    ContainerState,
    Running,
    Terminated,
    Waiting,
    timestamp,
)

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(slots=True)
class Condition:
    """One condition; `since` is its last change, in unix seconds."""

    status: bool
    since: float
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class PodStatus:
    """What is known of one pod.

    Attributes:
        address: its IP.
        host_address: the node's.
        start: when the node took it, in unix seconds.
        containers: the regular ones.
        init_containers: those before them; `sidecars` of them run on.
        sidecars: names of the init containers that run beside the regular ones.
        restarts_always: whether containers that ended are started again.
        is_over: whether nothing of it runs any more, and nothing will.
    """

    address: str
    host_address: str
    start: float
    containers: Sequence[ContainerState]
    init_containers: Sequence[ContainerState] = ()
    sidecars: frozenset[str] = frozenset()
    restarts_always: bool = True
    is_over: bool = False
    _conditions: dict[str, Condition] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the pod is ready."""
        return self.phase in ("Pending", "Running") and all(one.ready for one in self._lasting())

    @property
    def phase(self) -> Phase:
        """The pod's phase."""
        states = [one.state for one in self.containers]
        if not self._initialized() or any(
            isinstance(one.state, Waiting) and one.last is None for one in self.containers
        ):
            return "Failed" if self.is_over else "Pending"
        if any(isinstance(state, Running) for state in states):
            return "Running"
        if self.restarts_always and not self.is_over:
            return "Running"
        return "Succeeded" if all(_succeeded(one) for one in self.containers) else "Failed"

    def document(self, now: float) -> dict[str, Any]:
        """Return the pod's `status` as of `now`; conditions that changed do so now."""
        for kind, condition in self._current(now).items():
            known = self._conditions.get(kind)
            if known is not None and known.status == condition.status:
                condition.since = known.since
            self._conditions[kind] = condition
        return {
            "phase": self.phase,
            "hostIP": self.host_address,
            "hostIPs": [{"ip": self.host_address}],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": timestamp(self.start),
            "conditions": [_condition(kind, one) for kind, one in self._conditions.items()],
            "containerStatuses": [one.status() for one in self.containers],
            "initContainerStatuses": [one.status() for one in self.init_containers],
        }

    def _current(self, now: float) -> dict[str, Condition]:
        ready = self._readiness(now)
        over = self.phase == "Succeeded"
        initialized = Condition(self._initialized(), now, "PodCompleted" if over else "")
        if not initialized.status:
            names = [one.name for one in self.init_containers if not self._is_done(one)]
            initialized.reason = "ContainersNotInitialized"
            initialized.message = f"containers with incomplete status: {_listed(names)}"
        return {
            "PodReadyToStartContainers": Condition(not self.is_over, now),
            "Initialized": initialized,
            "Ready": ready,
            "ContainersReady": Condition(ready.status, now, ready.reason, ready.message),
        }

    def _readiness(self, now: float) -> Condition:
        phase = self.phase
        if phase in ("Succeeded", "Failed"):
            return Condition(False, now, "PodCompleted" if phase == "Succeeded" else "PodFailed")
        unready = [one.name for one in self._lasting() if not one.ready]
        if not unready:
            return Condition(True, now)
        message = f"containers with unready status: {_listed(unready)}"
        return Condition(False, now, "ContainersNotReady", message)

    def _lasting(self) -> list[ContainerState]:
        """Return the containers that have to be ready."""
        beside = [one for one in self.init_containers if one.name in self.sidecars]
        return [*beside, *self.containers]

    def _initialized(self) -> bool:
        """Tell whether regular containers may run, or one of them ever did."""
        ran = any(not isinstance(one.state, Waiting) or one.last for one in self.containers)
        return ran or all(self._is_done(one) for one in self.init_containers)

    def _is_done(self, one: ContainerState) -> bool:
        if one.name in self.sidecars:
            return one.started
        return isinstance(one.state, Terminated) and one.state.exit_code == 0


def _succeeded(one: ContainerState) -> bool:
    ended = one.state if isinstance(one.state, Terminated) else one.last
    return ended is not None and ended.exit_code == 0


def _listed(names: Sequence[str]) -> str:
    """Return names as Go prints a list of them."""
    return f"[{' '.join(names)}]"


def _condition(kind: str, condition: Condition) -> dict[str, Any]:
    said = {"reason": condition.reason, "message": condition.message}
    return {
        "type": kind,
        "status": "True" if condition.status else "False",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(condition.since),
        **{key: text or None for key, text in said.items()},
    }
