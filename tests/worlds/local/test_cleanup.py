"""However a world ends, nothing of it is left: no process, port, lease or directory.

Its processes take no SIGTERM, and have children that left their session: the worst there is.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from world_stand_ins import GONE_SECONDS, Watched, open_harness

from scalecert.worlds.local.supervisor.descendants import children_of

pytestmark = pytest.mark.usefixtures("state_directory")


def test_a_normal_end():
    """All is gone when the harness has ended."""
    with open_harness("mine") as harness:
        harness.process.stdin.close()
        assert harness.process.wait(GONE_SECONDS) == 0
        harness.assert_nothing_is_left(within_seconds=0)


def test_ctrl_c():
    """SIGINT to the terminal's process group: all is gone when the harness has ended."""
    with open_harness("mine") as harness:
        os.killpg(harness.process.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in harness.process.communicate(timeout=GONE_SECONDS)[1]
        harness.assert_nothing_is_left(within_seconds=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_that_ends_the_harness(number: signal.Signals):
    """It can do nothing any more; the supervisor notices."""
    with open_harness("mine") as harness:
        harness.process.send_signal(number)
        assert harness.process.wait(GONE_SECONDS) == -number
        harness.assert_nothing_is_left(within_seconds=GONE_SECONDS)


def test_a_harness_that_left_a_fork_behind():
    """The fork keeps the pipe to the supervisor open, which is no reason to go on."""
    with open_harness("mine", "fork") as harness:
        harness.process.kill()
        harness.process.wait(GONE_SECONDS)
        os.kill(harness.fork, 0)
        harness.assert_nothing_is_left(within_seconds=GONE_SECONDS)


def test_a_stopped_harness():
    """A harness that is killed while it was stopped is dead like any other."""
    with open_harness("mine") as harness:
        harness.process.send_signal(signal.SIGSTOP)
        harness.process.kill()
        harness.assert_nothing_is_left(within_seconds=GONE_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("part", ["supervisor", "server"])
def test_the_supervisor_is_ended_from_outside(part: str, number: signal.Signals):
    """Either of its two processes cleans up behind the other, while the harness goes on."""
    with open_harness("mine") as harness:
        os.kill(getattr(harness, part), number)
        harness.assert_nothing_is_left(within_seconds=GONE_SECONDS)
        assert harness.process.poll() is None


def test_a_started_process_ends_with_the_supervisor():
    """Even while nobody can clean up: the kernel kills what was started by name."""
    with open_harness("mine") as harness:
        server = harness.server
        started = Watched(children_of(server))
        os.kill(harness.supervisor, signal.SIGSTOP)
        os.kill(server, signal.SIGKILL)
        assert started.left_after(GONE_SECONDS) == set()
        os.kill(harness.supervisor, signal.SIGCONT)
        harness.assert_nothing_is_left(within_seconds=GONE_SECONDS)


def test_all_killed_at_once_leaves_what_the_next_start_removes(state_directory: Path):
    """Harness and supervisor: the directory stays, until any world is opened."""
    with open_harness("mine") as harness:
        server = harness.server
        os.kill(harness.supervisor, signal.SIGSTOP)  # it must not see the other one's end
        for pid in (server, harness.supervisor, harness.process.pid):
            os.kill(pid, signal.SIGKILL)
        harness.process.wait(GONE_SECONDS)
        assert (state_directory / "mine").is_dir()
    with open_harness("other") as harness:
        assert sorted(path.name for path in state_directory.iterdir()) == ["other", "other.lock"]
