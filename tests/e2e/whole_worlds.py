"""Commands that hold a whole world, what such a world has of the machine, and what it left.

with command_in_world("certify", policy, "--world", "local", name="mine", folder=tmp_path) as held:
    held.wait_for_load()
    held.end(signal.SIGTERM)
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from control_planes import listening_in, require_assets, wait_until
from world_stand_ins import Watched, environment

from scalecert.worlds.local import state
from scalecert.worlds.local.state import Holder
from scalecert.worlds.local.supervisor.descendants import descendants_of

LIMIT_SECONDS = 120.0
"""Of any wait for a whole world: a machine that is busy is slow, one that hangs is a failure."""


def scalecert(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        _command(*words),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def tell(capsys: pytest.CaptureFixture[str], what: str, seconds: float) -> None:
    """Print how long something took: it depends on the machine, so no test holds it to a limit."""
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {seconds:.1f} s ")


def kubectl(kubeconfig: str | Path, *words: str | Path) -> str:
    """Run kubectl as the administrator, and return what it prints."""
    done = subprocess.run(
        [require_assets().kubectl, f"--kubeconfig={kubeconfig}", *map(str, words)],
        env={"HOME": str(Path(kubeconfig).parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class OpenWorld:
    """A world that is open, as its own world.json tells of it."""

    holder: Holder

    @classmethod
    def named(cls, name: str) -> OpenWorld | None:
        """Return the world of a name, once it has told where it is."""
        base = state.base_directory()
        holder = state.holder_of(base, name) if name in state.running(base) else None
        return None if holder is None else cls(holder)

    @property
    def path(self) -> Path:
        """Its directory."""
        return Path(self.holder.directory)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.path / "admin.kubeconfig"

    @property
    def subnet(self) -> str:
        """The first three numbers of its addresses."""
        return self.holder.address.rpartition(".")[0]

    @property
    def pids(self) -> set[int]:
        """Its processes, the supervisor's own two among them."""
        return {self.holder.supervisor_pid, *descendants_of(self.holder.supervisor_pid)}

    def leftovers(self) -> list[str]:
        """Return what there still is of it: processes, listeners, lease, lock and directory."""
        found = [f"process {line}" for line in _command_lines() if str(self.path) in line]
        found += [f"{one} listens" for one in listening_in(None) if one.startswith(self.subnet)]
        found += [str(one) for one in (self.path, self.path.with_suffix(".lock")) if one.exists()]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lease:
            try:
                lease.bind(f"\0scalecert/{self.subnet}")
            except OSError:
                found.append(f"lease of {self.subnet}")
        return found


@dataclass(frozen=True)
class HeldWorld:
    """A command in a process group of its own, and the world that it holds.

    folder: working directory of the command, with its temporary files in `tmp`.
    """

    name: str
    process: subprocess.Popen[bytes]
    folder: Path

    @cached_property
    def world(self) -> OpenWorld:
        """The world, as soon as there is one."""
        wait_until(self._has_world, limit_seconds=LIMIT_SECONDS)
        found = OpenWorld.named(self.name)
        assert found is not None, self.said
        return found

    def _has_world(self) -> bool:
        return self.process.poll() is not None or OpenWorld.named(self.name) is not None

    @property
    def said(self) -> str:
        """What the command printed."""
        return (self.folder / "said").read_text()

    @property
    def temporary_files(self) -> list[Path]:
        """What it left outside of `--out`."""
        return list((self.folder / "tmp").iterdir())

    def wait_for_load(self) -> None:
        """Wait until a run is under way, with answers."""
        answers = self.world.path / "trial" / "load" / "answers-0.log"
        wait_until(
            lambda: self.process.poll() is not None or _has_bytes(answers),
            limit_seconds=LIMIT_SECONDS,
        )
        assert self.process.poll() is None, self.said

    def kubectl(self, *words: str) -> str:
        """Run kubectl in the world."""
        return kubectl(self.world.kubeconfig, *words)


@contextmanager
def command_in_world(*words: str | Path, name: str, folder: Path) -> Iterator[HeldWorld]:
    """Start a command that opens a world of that name; kill whatever is left of it at the end."""
    (folder / "tmp").mkdir(parents=True)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            _command(*words, "--name", name),
            cwd=folder,
            env={**environment(), "TMPDIR": str(folder / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield HeldWorld(name, process, folder)
    finally:
        left = OpenWorld.named(name)
        watched = Watched(left.pids if left else set())
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT_SECONDS)
        watched.left_after(5.0)
        watched.close()


def _command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "scalecert", *map(str, words)]


def _has_bytes(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _command_lines() -> Iterator[str]:
    """Yield pid and command line of each process but our own."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                yield f"{folder.name}: {words.decode(errors='replace')}"
