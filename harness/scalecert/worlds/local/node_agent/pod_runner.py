"""One pod on a node, from its binding to its end: what a kubelet does for it.

bound -> image pull -> containers (processes, probes, restarts) -> terminating -> gone
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from scalecert.clock import unix_seconds
from scalecert.worlds.local.node_agent.back_off import BackOff
from scalecert.worlds.local.node_agent.container_runner import ContainerRunner, Launch
from scalecert.worlds.local.node_agent.container_state import (
    CONFIG_ERROR,
    CREATING,
    INITIALIZING,
    ContainerState,
    Running,
    Waiting,
)
from scalecert.worlds.local.node_agent.host import Host, Place
from scalecert.worlds.local.node_agent.pod_objects import ContainerSpec, HttpGetAction
from scalecert.worlds.local.node_agent.pod_probes import PodProbes
from scalecert.worlds.local.node_agent.pod_status import PodStatus
from scalecert.worlds.local.node_agent.probe_worker import ProbeKind
from scalecert.worlds.local.node_agent.processes import Process
from scalecert.worlds.local.node_agent.records import What
from scalecert.worlds.local.node_agent.servers import Server
from scalecert.worlds.local.node_agent.status_writer import StatusWriter

_ASK_THE_ROOT = HttpGetAction(port=80, path="/")
"""What stands for a probe's command in a pod without a server: nobody will answer."""


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
    _runners: dict[str, ContainerRunner] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _killing: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _grace_seconds: float = 0.0
    _was_ready: bool = False
    _listened: bool = False
    _vanished: bool = False
    _status: PodStatus = field(init=False)
    _writer: StatusWriter = field(init=False)
    _probes: PodProbes = field(init=False)

    def __post_init__(self) -> None:
        """Make all that is known before anything runs."""
        spec, server, pod = self.place.spec, self.server, self.place.pod
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
        self._writer = StatusWriter(partial(self.host.write_status, pod))
        self._probes = PodProbes(
            self.place.address,
            instead=HttpGetAction(port=server.port, path=server.health_path)
            if server is not None
            else _ASK_THE_ROOT,
            conclude=self._conclude,
            say_once=self.host.say_once,
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
        for runner in self._runners.values():
            runner.kill()

    def processes(self) -> dict[str, tuple[float, int]]:
        """Return start and process id of each container that runs; 0 is no process."""
        return {
            name: (state.since, process.pid if process is not None else 0)
            for name, runner in self._runners.items()
            for state, process in [(runner.state.state, runner.process)]
            if isinstance(state, Running)
        }

    async def run(self) -> None:
        """Live the pod's life."""
        self._write()
        for spec, state in self._all():
            self._probes.start(spec, state)
        try:
            if not await self._ends_within(self.host.timings.image_pull_seconds):
                self._start_containers()
                await self._ending.wait()
            await self._end()
        finally:
            self._probes.stop()
            for task in self._tasks:
                task.cancel()
        if not self._vanished:
            self._status.is_over = True
            self._write()
            await self._writer.flush()
            await self.host.remove(self.place.pod)
        self._record("gone")

    # -- start ---------------------------------------------------------------------------------

    async def _ends_within(self, seconds: float) -> bool:
        """Wait; return True at once if the pod is deleted meanwhile."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _all(self) -> Iterator[tuple[ContainerSpec, ContainerState]]:
        spec, status = self.place.spec, self._status
        yield from zip(spec.init_containers, status.init_containers, strict=True)
        yield from zip(spec.containers, status.containers, strict=True)

    def _start_containers(self) -> None:
        """Start all containers; init containers that are none to run on are done at once."""
        for spec, state in self._all():
            before = state in self._status.init_containers
            if before and not spec.container.restarts_always:
                state.skip(unix_seconds())
            elif self.problem and spec.container.accelerators():
                state.wait(CONFIG_ERROR, self.problem)
            else:
                self._start_container(spec, state)
        self._write()

    def _start_container(self, spec: ContainerSpec, state: ContainerState) -> None:
        timings, container = self.host.timings, spec.container
        runner = ContainerRunner(
            state=state,
            launch=self._launch(spec),
            pre_stop_seconds=container.pre_stop_seconds,
            back_off=BackOff(timings.back_off_seconds, timings.most_back_off_seconds),
            restarts=self._restarts(spec),
            changed=partial(self._changed, state),
            exited=partial(self._exited, spec.name),
        )
        self._runners[spec.name] = runner
        self._tasks.append(asyncio.create_task(runner.run()))

    def _launch(self, spec: ContainerSpec) -> Launch | None:
        """Return what starts a container's process, None if it has none."""
        server = self.server
        if server is None or server.container.name != spec.name:
            image = spec.container.image
            self.host.say_once(f"image {image}: no mock server, its containers run nothing")
            return None

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

    # -- end -----------------------------------------------------------------------------------

    async def _end(self) -> None:
        """End all containers side by side."""
        self._probes.end_of_pod()
        least, runners = self.host.timings.least_grace_seconds, self._runners.values()
        for runner in runners:
            runner.stop()
        await asyncio.gather(*(one.end(self._grace_seconds, least) for one in runners))
        await asyncio.gather(*self._tasks)

    def _kill_unhealthy(self, name: str) -> None:
        """End a container that its liveness or startup probe has given up; it is started again."""
        grace = self.place.spec.template.termination_grace_seconds
        least = self.host.timings.least_grace_seconds
        task = asyncio.create_task(self._runners[name].end(grace, least))
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    # -- what happens --------------------------------------------------------------------------

    def _conclude(self, kind: ProbeKind, state: ContainerState, good: bool) -> None:
        """Take what a probe has found out."""
        if kind == "readiness" and state.readiness_succeeded != good:
            state.readiness_succeeded = good
            self._changed(state)
        elif kind == "startup" and good:
            state.startup_succeeded = True
            self._changed(state)
        elif kind != "readiness" and not good and not self.terminating:
            self._kill_unhealthy(state.name)

    def _changed(self, state: ContainerState) -> None:
        """Something is true of a container that was not: tell everybody."""
        if state.started and not state.readiness_succeeded:
            self._probes.container_started(state.name)
        self._tell_readiness()
        self._write()

    def _tell_readiness(self) -> None:
        ready, place = self._status.ready, self.place
        if ready == self._was_ready or self.terminating:
            return
        self._was_ready = ready
        self._record("ready" if ready else "unready")
        if not ready:
            self.host.records.unroute(place.pod)
        elif self.server is not None:
            port, ports = self.server.port, place.spec.ports
            self.host.records.route(place.pod, place.address, port=port, ports=ports)

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
