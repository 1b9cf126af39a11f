"""pytest in a configuration of our own: what `certify` runs its cases in.

A child process, so that nothing of the user's reaches it: no conftest, ini file, PYTEST_ADDOPTS,
plugin of the environment or module of the working directory. It tells its progress by lines of
JSON on a pipe; its log goes to a file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from scalecert.cli.interrupts import interrupted_by_signals

Event = dict[str, Any]

_INI = Path(__file__).with_name("pytest.ini")
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

# The working directory is not on the path (-P), and the package's own root and the suite's folder,
# whose modules its tests may import, come last on it: nothing of them hides another module. SIGTERM
# interrupts it as Ctrl-C would, which a shell lets what it runs in the background ignore.
_BOOTSTRAP = """\
import signal, sys
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.path += sys.argv[1:3]
del sys.argv[1:3]
import pytest
sys.exit(pytest.main())
"""


def command(tests: Sequence[Path], arguments: Sequence[str], *, at_once: int = 1) -> list[str]:
    """Return the command line that runs test files, so many `at_once`."""
    spread = ["-p", "xdist.plugin", "-n", str(at_once)] if at_once > 1 else []
    folder = os.path.commonpath([test.parent for test in tests])
    return [
        *(sys.executable, "-P", "-c", _BOOTSTRAP, _PACKAGE_ROOT, folder),
        *("-c", str(_INI), "--rootdir", folder),
        *("--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider"),
        *("-p", "scalecert.pytest_plugin", *spread, *arguments),
        *(str(test) for test in tests),
    ]


def run(
    command: Sequence[str],
    log: IO[bytes],
    on_event: Callable[[Event], None],
    *,
    held: int,
    grace_seconds: float = 0.0,
) -> int:
    """Run pytest to its end and return its exit status.

    Args:
        command: from `command`, without the option for events, which is added here.
        log: the open file for what pytest prints.
        on_event: called for each event as it comes.
        held: a descriptor that stays open as long as the child lives, even if we are killed.
        grace_seconds: how long the child has to end by itself once the run is interrupted.

    Raises:
        KeyboardInterrupt: at Ctrl-C, SIGTERM or SIGHUP; no process is left behind by then.
    """
    reading, writing = os.pipe()
    with interrupted_by_signals():
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, f"--scalecert-events={writing}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(),
            pass_fds=(writing, held),
            start_new_session=True,
        )
        os.close(writing)
        with _ended_with_us(process, grace_seconds), open(reading, encoding="utf-8") as events:  # noqa: PTH123 - a descriptor
            for line in events:
                on_event(json.loads(line))
            return process.wait()


def _environment() -> dict[str, str]:
    """Return our environment without what would configure pytest."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONSAFEPATH": "1"}


@contextmanager
def _ended_with_us(process: subprocess.Popen[bytes], grace_seconds: float) -> Iterator[None]:
    """End the child and its workers, which share its process group, if our own work ends early.

    With a grace the child is interrupted first, so that it closes its world itself.
    """
    try:
        yield
    except BaseException:
        if grace_seconds:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
