"""The probes of one pod, for as long as it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from scalecert.worlds.local.node_agent.checks import NotRunnable, check_of
from scalecert.worlds.local.node_agent.container_state import ContainerState
from scalecert.worlds.local.node_agent.pod_objects import ContainerSpec, HttpGetAction, ProbeSpec
from scalecert.worlds.local.node_agent.probe_worker import ProbeKind, ProbeWorker
from scalecert.worlds.local.node_agent.prober import Prober

Conclude = Callable[[ProbeKind, ContainerState, bool], None]
"""Is told which probe of which container has found out what."""


class PodProbes:
    """Starts a pod's probes, and lets them know what has come to their containers.

    Args:
        address: of the pod.
        instead: what is asked where a probe runs a command in the container.
        conclude: is told what is true from now on.
        say_once: tells people of probes that can't be asked as they are written.
    """

    def __init__(
        self,
        address: str,
        *,
        instead: HttpGetAction,
        conclude: Conclude,
        say_once: Callable[[str], None],
    ) -> None:
        self._address = address
        self._instead = instead
        self._conclude = conclude
        self._say_once = say_once
        self._probers: dict[tuple[str, ProbeKind], Prober] = {}
        self._tasks: dict[tuple[str, ProbeKind], asyncio.Task[None]] = {}

    def start(self, spec: ContainerSpec, state: ContainerState) -> None:
        """Start the probes of a container, before it runs: their ticks count from now."""
        probes: dict[ProbeKind, ProbeSpec | None] = {
            "startup": spec.startup,
            "readiness": spec.readiness,
            "liveness": spec.liveness,
        }
        for kind, probe in probes.items():
            if probe is not None:
                prober = self._prober(kind, probe, spec, state)
                self._probers[spec.name, kind] = prober
                self._tasks[spec.name, kind] = asyncio.create_task(prober.run())

    def container_started(self, name: str) -> None:
        """Ask at once whether a container is ready that has just started."""
        readiness = self._probers.get((name, "readiness"))
        if readiness is not None:
            readiness.ask_now()

    def end_of_pod(self) -> None:
        """Probe readiness alone: the pod is being ended."""
        self._cancel("startup", "liveness")

    def stop(self) -> None:
        """Probe nothing more."""
        self._cancel("startup", "liveness", "readiness")

    def _cancel(self, *kinds: ProbeKind) -> None:
        for (_, kind), task in self._tasks.items():
            if kind in kinds:
                task.cancel()

    def _prober(
        self, kind: ProbeKind, probe: ProbeSpec, spec: ContainerSpec, state: ContainerState
    ) -> Prober:
        which, instead = f"{kind} probe of container {spec.name}", self._instead
        try:
            check = check_of(probe, self._address, spec.container.ports, instead=instead)
        except NotRunnable as error:
            self._say_once(f"{which}: {error}, so it never succeeds")
            check = _never
        if probe.exec is not None:
            self._say_once(
                f"{which}: there is no container to run its command in,"
                f" asked is GET {instead.path} on port {instead.port}"
            )
        return Prober(ProbeWorker(kind, probe), check, state, partial(self._conclude, kind, state))


async def _never() -> bool:
    return False
