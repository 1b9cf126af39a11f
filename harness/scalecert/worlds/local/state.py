"""Where worlds keep their state, which there are, and who holds each.

<base>/NAME.lock    locked as long as the world lives
<base>/NAME/        world.json, logs/, and what its parts need
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import stat
import sys
import tempfile
from pathlib import Path

import msgspec

from scalecert.clock import utc_now
from scalecert.documents import write_atomic
from scalecert.errors import UsageError
from scalecert.lines import one_line
from scalecert.worlds.local.leases import is_locked

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_HOLDER = "world.json"
_COMMAND_CHARACTERS = 200


class Holder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who holds a world, as its world.json says.

    pid is the process that opened it, supervisor_pid the one that ends it on SIGTERM; kubeconfig is
    None until there is an API server.
    """

    purpose: str
    pid: int
    supervisor_pid: int
    user: str
    command: str
    since: str
    address: str
    directory: str
    kubeconfig: str | None = None

    def __str__(self) -> str:
        """Say who, on one line."""
        return f"pid {self.pid} of {self.user} since {self.since} ({self.purpose}): {self.command}"


def this_process(directory: Path, *, purpose: str, supervisor_pid: int, address: str) -> Holder:
    """Return ourselves as the holder of a world."""
    return Holder(
        directory=str(directory),
        purpose=purpose,
        pid=os.getpid(),
        supervisor_pid=supervisor_pid,
        user=_user(),
        command=one_line(shlex.join(sys.orig_argv), _COMMAND_CHARACTERS),
        since=utc_now(),
        address=address,
    )


def check_name(name: str) -> None:
    """Raise UsageError unless `name` can name a world."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"found {name!r}, expected at most 32 of a-z, 0-9 and -, such as mine-2", field="--name"
        )


def make_base_directory() -> Path:
    """Return where worlds' state goes, and make it if it is missing.

    Raises:
        UsageError: if it is somebody else's, others may look into it, or it can't be made.
    """
    try:
        _base().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(_base(), f"can't be made: {error.strerror}") from error
    return base_directory()


def base_directory() -> Path:
    """Return where worlds' state is: a directory that is this user's alone, or nothing yet.

    Raises:
        UsageError: if it is somebody else's, or others may look into it.
    """
    base = _base()
    try:
        found = base.lstat()
    except FileNotFoundError:
        return base
    except OSError as error:
        raise _unusable(base, f"can't be read: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(base, "found no directory")
    if found.st_uid != os.geteuid():
        raise _unusable(base, f"found one of user {found.st_uid}, expected one of ours")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _unusable(base, f"found mode {stat.S_IMODE(found.st_mode):04o}, expected 0700")
    return base


def lock_file(base: Path, name: str) -> Path:
    """Return the file that is locked as long as the world lives."""
    return base / f"{name}.lock"


def world_directory(base: Path, name: str) -> Path:
    """Return where a world's state is."""
    return base / name


def write_holder(holder: Holder) -> None:
    """Tell who holds a world, in its directory."""
    file = Path(holder.directory, _HOLDER)
    write_atomic(file, msgspec.json.format(msgspec.json.encode(holder)))
    file.chmod(0o600)


def holder_of(base: Path, name: str) -> Holder | None:
    """Return who holds a world; None if it has not said so yet, or does not run."""
    try:
        return msgspec.json.decode(
            (world_directory(base, name) / _HOLDER).read_bytes(), type=Holder
        )
    except (OSError, msgspec.MsgspecError):
        return None


def names(base: Path) -> list[str]:
    """Return the names of the worlds of which there is anything, whether they run or not."""
    return sorted(file.stem for file in base.glob("*.lock"))


def running(base: Path) -> list[str]:
    """Return the names of the worlds that run."""
    return [name for name in names(base) if is_locked(lock_file(base, name))]


def _base() -> Path:
    if own := os.environ.get("SCALECERT_STATE_DIR"):
        return Path(own).resolve()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():  # it outlives a session by its name only
        return Path(runtime, "scalecert")
    return Path(tempfile.gettempdir(), f"scalecert-{os.geteuid()}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.geteuid())


def _unusable(base: Path, problem: str) -> UsageError:
    hint = "SCALECERT_STATE_DIR names another place for worlds' state"
    return UsageError(problem, file=str(base), hint=hint)
