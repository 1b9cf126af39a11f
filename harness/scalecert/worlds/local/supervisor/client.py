"""The harness's side of the supervisor: processes by name."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as AnswerTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from scalecert.clock import monotonic_seconds
from scalecert.errors import EnvironmentFault, HarnessBug
from scalecert.lines import one_line
from scalecert.worlds.local.supervisor.environment import minimal_environment
from scalecert.worlds.local.supervisor.messages import Lines, Message, Request, line_of

_ANSWER_SECONDS = 5.0
"""Of the supervisor, beyond what the request itself may take: it is idle but for us."""
_END_SECONDS = 5.0
"""Until a world that was told to end has; it takes one to three."""
_LOOK_SECONDS = 0.02
"""Between two looks at a log."""
_TAIL_BYTES = 4096
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass
class _Known:
    """A process: its exit code, whether it may end by itself, whether we stop it."""

    may_end: bool
    stopped: bool = False
    code: int | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended and should not have."""
        fine = self.stopped or (self.may_end and self.code == 0)
        return self.code is not None and not fine


class Processes:
    """The processes of a world; any thread may use them.

    Args:
        directory: the world's; logs are in its folder `logs`.
        lock: the file that says that the world's name is taken.
        lock_descriptor: it, open and locked.
        leases: other descriptors that the supervisor holds as long as it lives.

    Raises:
        EnvironmentFault: if the supervisor does not come up; from every method, if it is gone.
    """

    def __init__(
        self, directory: Path, *, lock: Path, lock_descriptor: int, leases: Sequence[int] = ()
    ) -> None:
        self._directory = directory
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._answers: dict[int, Future[Message]] = {}
        self._known: dict[str, _Known] = {}
        self._ready, self._gone = threading.Event(), threading.Event()
        words = [str(directory), str(lock), str(lock_descriptor), str(os.getpid())]
        with open(self.log("supervisor"), "wb", opener=partial(os.open, mode=0o600)) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "scalecert.worlds.local.supervisor", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=minimal_environment(),
                pass_fds=(lock_descriptor, *leases),
                start_new_session=True,
                bufsize=0,
            )
        self._reader = threading.Thread(target=self._read, name="supervisor", daemon=True)
        self._reader.start()
        self._ready.wait(_ANSWER_SECONDS)
        if self._gone.is_set() or not self._ready.is_set():
            self.end()
            raise EnvironmentFault(
                f"the supervisor did not come up: {self.last_line('supervisor')}"
            )

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        may_end: bool = False,
    ) -> None:
        """Start a process in the world's directory, in a session of its own.

        Its output goes to `log(name)`, which is emptied; a name may be used again after its end.

        Args:
            name: lower-case letters, digits, `-` and `.`.
            command: program and arguments.
            env: what its environment has beside `minimal_environment()`.
            may_end: whether it ends by itself, so that `check` is content with exit code 0.

        Raises:
            EnvironmentFault: if the command can't be executed.
        """
        if not _NAME.fullmatch(name):
            raise HarnessBug(f"{name!r} names no process")
        if name in self._known and self._known[name].code is None:
            raise HarnessBug(f"{name} runs already")
        self._known[name] = _Known(may_end)
        whole = minimal_environment() | dict(env or {})
        try:
            self._ask({"do": "start", "name": name, "command": list(command), "env": whole})
        except EnvironmentFault:
            del self._known[name]
            raise

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process.

        Raises:
            EnvironmentFault: if it has ended.
        """
        try:
            self._ask({"do": "signal", "name": name, "number": number})
        except EnvironmentFault:
            self.check()
            raise

    def stop(self, name: str, *, timeout_seconds: float = 2.0) -> None:
        """Send SIGTERM, wait, send SIGKILL to its whole group; return when it has ended.

        Nothing happens if it has ended already, or was never started.
        """
        if name not in self._known:
            return
        self._known[name].stopped = True
        request: Request = {"do": "stop", "name": name, "timeout_seconds": timeout_seconds}
        try:
            self._ask(request, timeout_seconds)
        except EnvironmentFault:
            if not self._gone.is_set():  # else it has stopped with everything
                raise

    def exit_code(self, name: str) -> int | None:
        """Return a process's exit code, negative if a signal ended it; None while it runs."""
        code = self._of(name).code
        if code is None and self._gone.is_set():
            raise EnvironmentFault(self._obituary())
        return code

    def check(self) -> None:
        """Raise EnvironmentFault if anything ended that nobody stopped, with its last line."""
        if self._gone.is_set():
            raise EnvironmentFault(self._obituary())
        for name, known in list(self._known.items()):
            if known.failed:
                self._raise_ended(name)

    def wait_for_line(self, name: str, text: str, *, timeout_seconds: float) -> None:
        """Return when a line of a process's log is `text`.

        Raises:
            EnvironmentFault: if it ends before, or takes longer.
        """
        deadline = monotonic_seconds() + timeout_seconds
        while True:
            ended = self.exit_code(name) is not None
            if text in self.log(name).read_text(errors="replace").splitlines():
                return
            if ended:
                self._raise_ended(name)
            if monotonic_seconds() > deadline:
                raise EnvironmentFault(
                    f"{name} did not say {text!r} in {timeout_seconds:g} s: {self.last_line(name)}"
                )
            if self._gone.wait(_LOOK_SECONDS):
                raise EnvironmentFault(self._obituary())

    def wait_until_gone(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the supervisor has ended, with all that it started; return whether it has."""
        return self._gone.wait(timeout_seconds)

    def log(self, name: str) -> Path:
        """Return where a process's output goes."""
        return self._directory / "logs" / f"{name}.log"

    def last_line(self, name: str) -> str:
        """Return the last line that a process wrote, fit for a message."""
        try:
            with self.log(name).open("rb") as log:
                log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return "(no log)"
        return next((one_line(line) for line in reversed(lines) if line.strip()), "(empty log)")

    def end(self) -> None:
        """End the world: every process, its directory, its leases; return when all is gone.

        Raises:
            EnvironmentFault: if it hangs.
        """
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with self._lock, suppress(OSError, ValueError), self._process.stdin as pipe:
            pipe.write(line_of(Request(do="end")))
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFault(f"the world's supervisor (pid {self.pid}) hangs") from error
        self._reader.join()

    def _ask(self, request: Request, timeout_seconds: float = 0.0) -> Message:
        """Send a request and return its answer."""
        answer: Future[Message] = Future()
        request["id"] = next(self._ids)
        self._send(request, answer)
        try:
            message = answer.result(timeout_seconds + _ANSWER_SECONDS)
        except AnswerTimeoutError as error:
            raise EnvironmentFault(f"the supervisor does not answer: {request['do']}") from error
        if "error" in message:
            raise EnvironmentFault(f"{request['name']}: {message['error']}")
        return message

    def _send(self, request: Request, answer: Future[Message]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with self._lock:
            if self._gone.is_set():
                raise EnvironmentFault(self._obituary())
            self._answers[request["id"]] = answer
            with suppress(BrokenPipeError):  # the reader sees the same, and fails the answer
                self._process.stdin.write(line_of(request))

    def _read(self) -> None:
        """Take what the supervisor says, to its end."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        lines = Lines()
        with self._process.stdout as pipe:
            while data := pipe.read(65536):
                for message in lines.feed(data):
                    self._take(message)
        with self._lock:
            self._gone.set()
            unanswered = list(self._answers.values())
        self._ready.set()
        for answer in unanswered:
            answer.set_exception(EnvironmentFault(self._obituary()))

    def _take(self, message: Message) -> None:
        if "exited" in message:
            self._known[message["exited"]].code = message["code"]
        elif "id" in message:
            with self._lock:
                answer = self._answers.pop(message["id"])
            answer.set_result(message)
        else:
            self._ready.set()

    def _of(self, name: str) -> _Known:
        if name not in self._known:
            raise HarnessBug(f"no process {name} was started")
        return self._known[name]

    def _raise_ended(self, name: str) -> NoReturn:
        code = self._of(name).code
        raise EnvironmentFault(f"{name} ended with exit code {code}: {self.last_line(name)}")

    def _obituary(self) -> str:
        last = self.last_line("supervisor")
        said = "" if last.startswith("(") else f": {last}"
        return f"the world was ended from outside, its supervisor (pid {self.pid}) is gone{said}"
