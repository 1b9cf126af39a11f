"""One pod on a node, from its binding to its end: what a kubelet does for it.

bound -> image pull -> containers (processes, probes, restarts) -> terminating -> gone
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from scalecert.clock import unix_seconds
from scalecert.worlds.local.node_agent.back_off import BackOff
from scalecert.worlds.local.node_agent.checks import NotRunnable, check_of
from scalecert.worlds.local.node_agent.container_runner import ContainerRunner, Launch
from scalecert.worlds.local.node_agent.container_state import (
    CONFIG_ERROR,
    CREATING,
    INITIALIZING,
    ContainerState,
    Running,
    Waiting,
)
from scalecert.worlds.local.node_agent.pod_objects import (
    ContainerSpec,
    HttpGetAction,
    PodIdentity,
    PodSpec,
    ProbeSpec,
)
from scalecert.worlds.local.node_agent.pod_status import PodStatus
from scalecert.worlds.local.node_agent.probe_worker import ProbeKind, ProbeWorker
from scalecert.worlds.local.node_agent.prober import Prober
from scalecert.worlds.local.node_agent.processes import Process
from scalecert.worlds.local.node_agent.records import Records, What
from scalecert.worlds.local.node_agent.servers import Server
from scalecert.worlds.local.node_agent.status_writer import StatusWriter
from scalecert.worlds.local.node_agent.timings import Timings


class Host(Protocol):
    """What a pod needs of the agent."""

    timings: Timings
    records: Records

    async def write_status(self, pod: PodIdentity, status: dict[str, Any]) -> None:
        """Write a pod's status to the API server."""

    async def remove(self, pod: PodIdentity) -> None:
        """Remove a pod that has ended from the API server."""

    async def start_server(
        self, place: Place, server: Server, attempt: int, hears: Callable[[str], None]
    ) -> Process:
        """Start the process of a pod's mock server for the n-th time."""

    def say_once(self, text: str) -> None:
        """Log something that is as true of the next pod."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which pod runs where.

    Attributes:
        pod: the pod.
        spec: what is to run in it.
        node: name of its node.
        address: of the pod.
        host_address: of the node.
        directory: of its logs.
    """

    pod: PodIdentity
    spec: PodSpec
    node: str
    address: str
    host_address: str
    directory: Path


@dataclass(slots=True)
class PodRunner:
    """One pod.

    Attributes:
        place: which pod runs where.
        server: the mock server among its containers, if there is one.
        host: the agent.
        problem: why its server can't run; empty if it can.
    """

    place: Place
    server: Server | None
    host: Host
    problem: str = ""
    runners: dict[str, ContainerRunner] = field(default_factory=dict)
    _status: PodStatus = field(init=False)
    _writer: StatusWriter = field(init=False)
    _probers: dict[tuple[str, ProbeKind], Prober] = field(default_factory=dict)
    _probing: dict[tuple[str, ProbeKind], asyncio.Task[None]] = field(default_factory=dict)
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _killing: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _grace_seconds: float = 0.0
    _was_ready: bool = False
    _listened: bool = False
    _vanished: bool = False

    def __post_init__(self) -> None:
        """Make everything that is known before anything runs."""
        spec, pod = self.place.spec, self.place.pod
        self._writer = StatusWriter(partial(self.host.write_status, pod))
        first = INITIALIZING if spec.init_containers else CREATING
        self._status = PodStatus(
            address=self.place.address,
            host_address=self.place.host_address,
            start=unix_seconds(),
            containers=[_state(one, first) for one in spec.containers],
            init_containers=[_state(one, CREATING) for one in spec.init_containers],
            sidecars=frozenset(
                one.name for one in spec.init_containers if one.container.restarts_always
            ),
            restarts_always=spec.restart_policy == "Always",
        )

    @property
    def terminating(self) -> bool:
        """Whether the pod has been deleted."""
        return self._ending.is_set()

    def terminate(self, grace_seconds: float) -> None:
        """End the pod within a grace period; nothing more is sent to it from now on."""
        if not self.terminating:
            self.host.records.unroute(self.place.pod)
            self._record("terminating")
            self._grace_seconds = grace_seconds
            self._ending.set()

    def vanish(self) -> None:
        """Kill what runs: the pod is not there any more."""
        self._vanished = True
        self.terminate(0.0)
        for runner in self.runners.values():
            runner.kill()

    async def run(self) -> None:
        """Live the pod's life."""
        self._write()
        self._start_probes()
        try:
            if not await self._ends_within(self.host.timings.image_pull_seconds):
                self._start_containers()
                await self._ending.wait()
            await self._end()
        finally:
            for task in (*self._probing.values(), *self._running):
                task.cancel()
        if not self._vanished:
            self._status.is_over = True
            self._write()
            await self._writer.flush()
            await self.host.remove(self.place.pod)
        self._record("gone")

    def usage(self) -> dict[str, tuple[float, int]]:
        """Return start and process id of each container that runs; 0 is no process."""
        return {
            one.name: (one.state.since, process.pid if process is not None else 0)
            for one in self._status.containers
            if isinstance(one.state, Running) and one.name in self.runners
            for process in [self.runners[one.name].process]
        }

    # -- start ---------------------------------------------------------------------------------

    async def _ends_within(self, seconds: float) -> bool:
        """Wait; return at once with True if the pod is deleted meanwhile."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _start_containers(self) -> None:
        for state in self._status.init_containers:
            if state.name not in self._status.sidecars:
                now = unix_seconds()
                state.run(now, "scalecert://skipped")
                state.end(0, now)
        everything = zip(
            (*self.place.spec.init_containers, *self.place.spec.containers),
            (*self._status.init_containers, *self._status.containers),
            strict=True,
        )
        for spec, state in everything:
            if isinstance(state.state, Waiting):
                self._start_container(spec, state)
        if self.problem:
            self._write()

    def _start_container(self, spec: ContainerSpec, state: ContainerState) -> None:
        container, server = spec.container, self.server
        if self.problem and container.accelerators():
            state.wait(CONFIG_ERROR, self.problem)
            return
        launch = None
        if server is not None and server.container.name == spec.name:
            launch = self._launch(server)
        else:
            self.host.say_once(f"{container.image}: no mock server, kept as running without one")
        timings = self.host.timings
        runner = ContainerRunner(
            state=state,
            launch=launch,
            pre_stop_seconds=container.pre_stop_seconds,
            back_off=BackOff(timings.back_off_seconds, timings.most_back_off_seconds),
            restarts=self._restarts(spec),
            changed=partial(self._changed, spec.name),
            exited=partial(self._exited, spec.name),
        )
        self.runners[spec.name] = runner
        self._running.append(asyncio.create_task(runner.run()))

    def _launch(self, server: Server) -> Launch:
        async def launch(attempt: int) -> Process:
            process = await self.host.start_server(self.place, server, attempt, self._hears)
            self._record("started")
            return process

        return launch

    def _restarts(self, spec: ContainerSpec) -> Callable[[int], bool]:
        policy = self.place.spec.restart_policy
        if policy == "Always" or spec.container.restarts_always:
            return lambda _: True
        return lambda code: policy == "OnFailure" and code != 0

    # -- probes --------------------------------------------------------------------------------

    def _start_probes(self) -> None:
        states = (*self._status.init_containers, *self._status.containers)
        specs = (*self.place.spec.init_containers, *self.place.spec.containers)
        for spec, state in zip(specs, states, strict=True):
            probes: dict[ProbeKind, ProbeSpec | None] = {
                "startup": spec.startup,
                "readiness": spec.readiness,
                "liveness": spec.liveness,
            }
            for kind, probe in probes.items():
                if probe is not None:
                    self._start_probe(kind, probe, spec, state)

    def _start_probe(
        self, kind: ProbeKind, probe: ProbeSpec, spec: ContainerSpec, state: ContainerState
    ) -> None:
        instead = HttpGetAction(
            port=self.server.port if self.server else 0,
            path=self.server.health_path if self.server else "/",
        )
        try:
            check = check_of(probe, self.place.address, spec.container.ports, instead=instead)
        except NotRunnable as error:
            self.host.say_once(f"{kind} probe of {spec.name}: {error}: it never succeeds")
            check = _never
        if probe.exec is not None:
            self.host.say_once(
                f"{kind} probe of {spec.name}: no container to run a command in:"
                f" GET {instead.path} on port {instead.port} instead"
            )
        prober = Prober(
            ProbeWorker(kind, probe), check, state, partial(self._conclude, kind, spec.name, state)
        )
        self._probers[spec.name, kind] = prober
        self._probing[spec.name, kind] = asyncio.create_task(prober.run())

    def _conclude(self, kind: ProbeKind, name: str, state: ContainerState, good: bool) -> None:
        """Take what a probe has found out."""
        if kind == "readiness":
            state.readiness_succeeded = good
        elif kind == "startup" and good:
            state.startup_succeeded = True
        elif not good and not self.terminating:
            self._kill_unhealthy(name)
            return
        self._changed(name)

    def _kill_unhealthy(self, name: str) -> None:
        """End a container that its liveness or startup probe has given up; it is started again."""
        runner = self.runners[name]
        grace = self.place.spec.template.termination_grace_seconds
        task = asyncio.create_task(runner.end(grace, self.host.timings.least_grace_seconds))
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    # -- end -----------------------------------------------------------------------------------

    async def _end(self) -> None:
        """End all containers side by side; only readiness is probed meanwhile."""
        for (_, kind), task in self._probing.items():
            if kind != "readiness":
                task.cancel()
        least = self.host.timings.least_grace_seconds
        for runner in self.runners.values():
            runner.stop()
        grace = self._grace_seconds
        await asyncio.gather(*(one.end(grace, least) for one in self.runners.values()))
        await asyncio.gather(*self._running)

    # -- what happens --------------------------------------------------------------------------

    def _changed(self, name: str) -> None:
        """Something is true of a container that was not: tell everybody."""
        runner = self.runners.get(name)
        if runner is not None:
            self._react(name, runner)
        self._tell_readiness()
        self._write()

    def _react(self, name: str, runner: ContainerRunner) -> None:
        """Let probes know what has come to their container."""
        readiness = self._probers.get((name, "readiness"))
        state = runner.state
        if readiness is not None and state.started and not state.readiness_succeeded:
            readiness.ask_now()

    def _tell_readiness(self) -> None:
        ready, place = self._status.ready, self.place
        if ready == self._was_ready:
            return
        self._was_ready = ready
        if self.terminating:
            return
        self._record("ready" if ready else "unready")
        if ready and self.server is not None:
            self.host.records.route(place.pod, place.address, place.spec.ports)
        elif not ready:
            self.host.records.unroute(place.pod)

    def _exited(self, name: str, code: int) -> None:
        self._listened = False
        self.host.records.pod(self.place.pod, "exited", container=name, code=code)

    def _hears(self, line: str) -> None:
        """Take a line that the mock server prints."""
        if line == "ready" and not self._listened:
            self._listened = True
            self._record("listening")

    def _record(self, what: What) -> None:
        place = self.place
        self.host.records.pod(place.pod, what, node=place.node, address=place.address)

    def _write(self) -> None:
        if not self._vanished:
            self._writer.put(self._status.document(unix_seconds()))


def _state(spec: ContainerSpec, reason: str) -> ContainerState:
    return ContainerState(
        name=spec.name,
        image=spec.container.image,
        has_startup=spec.startup is not None,
        has_readiness=spec.readiness is not None,
        state=Waiting(reason),
    )


async def _never() -> bool:
    return False


Life = Coroutine[Any, Any, None]
