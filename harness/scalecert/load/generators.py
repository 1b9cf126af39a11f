"""The generators' processes: started, told when to begin, and asked for what they saw.

They are told by files (`schedule`), so that they may be anybody's children.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol

from scalecert.clock import monotonic_seconds
from scalecert.errors import EnvironmentFault, HarnessBug
from scalecert.load.answer_log import Answers, answers_of, read_log
from scalecert.load.offer import Offer, Service, Workers
from scalecert.load.schedule import answers_file, ready_file, write_beginning, write_schedule

_LOOK_SECONDS = 0.02
_FLAGS = ("-P", "-X", "faulthandler")
"""Nothing is imported from the folder that it starts in; a crash says where."""


class Processes(Protocol):
    """Who starts and stops processes."""

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> None:
        """Start a process; what it prints is kept under its name."""

    def stop(self, name: str, *, timeout_seconds: float = 2.0) -> None:
        """End a process, and by force if it takes longer; nothing if it has ended."""

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a process that has ended, None of one that runs."""


class Load:
    """An offer on its way, in processes that are ready to begin.

    Args:
        processes: who has started them.
        folder: the files that they share.
        offer: the requests.
        names: of the processes.
    """

    def __init__(
        self, processes: Processes, folder: Path, offer: Offer, names: Sequence[str]
    ) -> None:
        self._processes = processes
        self._folder = folder
        self._offer = offer
        self._names = tuple(names)

    def begin(self, t0_unix_seconds: float) -> None:
        """Let the run begin at that time, which lies ahead; returns at once."""
        write_beginning(self._folder, t0_unix_seconds)

    def collect(self, *, limit_seconds: float) -> Answers:
        """Return what the clients saw, once every request has ended, or at the limit.

        Processes that died, and requests without an answer by then, are told in the answers.
        """
        _wait(self._all_ended, limit_seconds)
        problems = tuple(self._problems(limit_seconds))
        self.stop()
        return answers_of(self._offer, [read_log(path) for path in self._logs()], problems)

    def stop(self) -> None:
        """End the processes, wherever they are; again and again if one likes."""
        for name in self._names:
            self._processes.stop(name)

    def wait_until_ready(self, limit_seconds: float) -> None:
        """Wait until every process is ready to begin.

        Raises:
            EnvironmentFault: if one ended, or is not ready in time.
        """
        _wait(lambda: self._all_ready() or any(self._ended()), limit_seconds)
        if ended := ", ".join(self._ended()):
            raise EnvironmentFault(f"the load generator ended before it was ready: {ended}")
        if not self._all_ready():
            raise EnvironmentFault(f"the load generator was not ready within {limit_seconds:g} s")

    def _all_ready(self) -> bool:
        return all(ready_file(self._folder, place).exists() for place in self._places())

    def _all_ended(self) -> bool:
        return all(
            self._is_done(place) or self._processes.exit_code(name) is not None
            for place, name in enumerate(self._names)
        )

    def _ended(self) -> Iterator[str]:
        for name in self._names:
            if (code := self._processes.exit_code(name)) is not None:
                yield f"{name} with exit code {code}"

    def _problems(self, limit_seconds: float) -> Iterator[str]:
        for place, name in enumerate(self._names):
            if self._is_done(place):
                continue
            code = self._processes.exit_code(name)
            how = "was not done in" if code is None else f"ended with exit code {code} within"
            yield f"load generator {name} {how} {limit_seconds:g} s"

    def _is_done(self, place: int) -> bool:
        return answers_file(self._folder, place, done=True).exists()

    def _logs(self) -> Iterator[Path]:
        for place in self._places():
            for done in (True, False):
                path = answers_file(self._folder, place, done=done)
                if path.exists():
                    yield path
                    break

    def _places(self) -> range:
        return range(len(self._names))


def prepare(
    processes: Processes,
    folder: Path,
    offer: Offer,
    service: Service,
    *,
    generators: int = 1,
    workers: Workers | None = None,
    limit_seconds: float = 30.0,
) -> Load:
    """Start the generators of a load, and wait until they are ready to begin.

    Args:
        processes: who starts them, as `load-0`, `load-1` and so on.
        folder: for the files that they share; made if it is not there, else empty.
        offer: the requests.
        service: who they go to.
        generators: how many processes on this machine share the requests.
        workers: who do instead, on other machines.
        limit_seconds: how long to wait.

    Raises:
        EnvironmentFault: if one is not ready in time; none is left then.
        HarnessBug: if several are to do what takes the one view of all requests.
    """
    shares = generators if workers is None else workers.count
    if shares > 1 and service.is_stateful:
        raise HarnessBug("least-outstanding and keep-alive take one load generator")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_schedule(folder, offer, service, shares)
    commands = _commands(folder, generators, workers)
    load = Load(processes, folder, offer, tuple(commands))
    try:
        for name, words in commands.items():
            processes.start(name, (sys.executable, *_FLAGS, "-m", "scalecert.load", *words))
        load.wait_until_ready(limit_seconds)
    except BaseException:
        load.stop()
        raise
    return load


def _commands(folder: Path, generators: int, workers: Workers | None) -> dict[str, list[str]]:
    """Return the words of each process's command, by name."""
    if workers is not None:
        place = [workers.host, str(workers.port)]
        return {"load-0": ["master", str(folder), str(workers.count), *place]}
    names = {f"load-{number}": str(number) for number in range(generators)}
    return {name: ["generator", str(folder), number] for name, number in names.items()}


def _wait(condition: Callable[[], bool], limit_seconds: float) -> None:
    """Wait until the condition holds, or the limit."""
    until, never = monotonic_seconds() + limit_seconds, Event()
    while not condition() and monotonic_seconds() < until:
        never.wait(_LOOK_SECONDS)
