"""Processes by name: started, told, stopped; what became of them is known."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from world_stand_ins import GONE_SECONDS, Watched, stubborn

from scalecert.errors import EnvironmentFault, HarnessBug
from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.supervisor import environment
from scalecert.worlds.local.supervisor.client import Processes
from scalecert.worlds.local.supervisor.descendants import children_of, descendants_of

READY = "print('ready', flush=True); import signal; signal.pause()"


def python(code: str, *words: str) -> list[str]:
    """Return the command of a process that is quick to start."""
    return [sys.executable, "-S", "-c", code, *words]


def start_ready(processes: Processes, name: str, command: list[str]) -> None:
    processes.start(name, command)
    processes.wait_for_line(name, "ready", timeout_seconds=GONE_SECONDS)


def wait_for_end(processes: Processes, name: str) -> int:
    """Return a process's exit code, once it has ended by itself."""
    beat = threading.Event()
    while (code := processes.exit_code(name)) is None:
        beat.wait(0.005)
    return code


def test_a_process_runs_in_the_world_s_directory(directory: WorldDirectory, processes: Processes):
    """Its output is its log; its files are nobody else's."""
    code = "import os; open('left', 'w').close(); print(os.getcwd()); print('ready')"
    processes.start("one", python(code), may_end=True)
    assert wait_for_end(processes, "one") == 0
    assert processes.log("one").read_text() == f"{directory.path}\nready\n"
    for file in (directory.path / "left", processes.log("one"), processes.log("supervisor")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_its_environment_is_minimal(processes: Processes, monkeypatch: pytest.MonkeyPatch):
    """What it is given, and what programs need; nothing else of the user's."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    processes.start(
        "one",
        python("import os; print('\\n'.join(sorted(os.environ)))"),
        env={"GIVEN": "1"},
        may_end=True,
    )
    wait_for_end(processes, "one")
    names = set(processes.log("one").read_text().split()) - {"LC_CTYPE"}  # Python's own
    assert names == {"GIVEN", *environment.minimal_environment()}
    assert {"PATH", "PYTHONSAFEPATH"} < names


def test_this_package_can_be_run(processes: Processes):
    """`python -m scalecert...` is found, wherever the package is."""
    processes.start("one", [sys.executable, "-m", "scalecert", "--version"], may_end=True)
    assert wait_for_end(processes, "one") == 0


def test_stop_is_sigterm(processes: Processes):
    """Exit codes are negative after a signal, as everywhere in Python."""
    start_ready(processes, "one", python(READY))
    assert processes.exit_code("one") is None
    processes.stop("one")
    assert processes.exit_code("one") == -signal.SIGTERM
    processes.stop("one")
    processes.check()


def test_stop_is_sigkill_in_the_end(directory: WorldDirectory, processes: Processes):
    """To all of the group, and to children that left it: none is left when `stop` returns."""
    ports = [directory.free_port() for _ in range(3)]
    start_ready(processes, "one", stubborn(directory.address, ports))
    family = Watched(descendants_of(processes.pid) - children_of(processes.pid))
    try:
        processes.stop("one", timeout_seconds=0.05)
        assert processes.exit_code("one") == -signal.SIGKILL
        assert family.left_after(GONE_SECONDS) == set()
    finally:
        family.close()
    for port in ports:
        socket.create_server((directory.address, port)).close()


def test_what_a_process_leaves_behind_is_killed(processes: Processes):
    """A daemon of it, in a session of its own, too."""
    code = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    print("ready", flush=True)
    while True:
        signal.pause()
signal.sigwait({signal.SIGUSR1})
"""
    code = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR1}}){code}"
    start_ready(processes, "one", python(code))
    daemon = Watched({int(processes.log("one").read_text().split()[0])})
    try:
        processes.signal("one", signal.SIGUSR1)
        assert wait_for_end(processes, "one") == 0
        assert daemon.left_after(GONE_SECONDS) == set()
    finally:
        daemon.close()


def test_a_name_may_be_used_again(processes: Processes):
    """After its end; the log is the new one's."""
    for text in ("first", "second"):
        processes.start("one", python(f"print({text!r})"), may_end=True)
        wait_for_end(processes, "one")
    assert processes.log("one").read_text() == "second\n"
    start_ready(processes, "two", python(READY))
    with pytest.raises(HarnessBug, match="two runs already"):
        processes.start("two", python(READY))


@pytest.mark.parametrize("name", ["", "../one", "One", "a b"])
def test_a_name_is_a_file_s_name(processes: Processes, name: str):
    """It can't leave the folder of logs."""
    with pytest.raises(HarnessBug, match="names no process"):
        processes.start(name, python(READY))


def test_nobody_else_is_known(processes: Processes):
    """A mistake of ours is no fault of the world."""
    with pytest.raises(HarnessBug, match="no process one was started"):
        processes.exit_code("one")


def test_a_command_that_is_not_there(processes: Processes):
    """It is said which."""
    with pytest.raises(EnvironmentFault, match=r"^one: .*No such file.*/nowhere/etcd"):
        processes.start("one", ["/nowhere/etcd"])
    processes.check()


@pytest.mark.parametrize(
    ("code", "may_end", "fails"),
    [
        ("import sys; print('port is taken\\n'); sys.exit(3)", False, True),
        ("import sys; print('port is taken\\n'); sys.exit(3)", True, True),
        ("print('port is taken')", False, True),
        ("print('port is taken')", True, False),
    ],
)
def test_a_death_is_told_with_its_last_words(
    processes: Processes, code: str, may_end: bool, fails: bool
):
    """Of what must run, and of what ended badly."""
    processes.start("one", python(code), may_end=may_end)
    status = wait_for_end(processes, "one")
    if not fails:
        processes.check()
        return
    with pytest.raises(
        EnvironmentFault, match=f"^one ended with exit code {status}: port is taken$"
    ):
        processes.check()


def test_a_signal_to_a_dead_process(processes: Processes):
    """It is told how it died."""
    processes.start("one", python("print('bye')"))
    wait_for_end(processes, "one")
    with pytest.raises(EnvironmentFault, match="one ended with exit code 0: bye"):
        processes.signal("one", signal.SIGHUP)


def test_waiting_for_a_line_that_never_comes(processes: Processes):
    """It ends at the limit, or with the process."""
    start_ready(processes, "one", python(READY))
    with pytest.raises(EnvironmentFault, match=r"one did not say 'steady' in 0.1 s: ready"):
        processes.wait_for_line("one", "steady", timeout_seconds=0.1)
    processes.start("two", python("print('oops')"))
    with pytest.raises(EnvironmentFault, match="two ended with exit code 0: oops"):
        processes.wait_for_line("two", "steady", timeout_seconds=GONE_SECONDS)


def test_last_words_are_one_line(processes: Processes):
    """However long and strange they are."""
    code = r"import sys; sys.stdout.buffer.write(b'x' * 100_000 + b'\xff\x1b[2J\n\n')"
    processes.start("one", python(code), may_end=True)
    wait_for_end(processes, "one")
    line = processes.last_line("one")
    assert line.isprintable()
    assert len(line) < 1000
    processes.start("two", python(""), may_end=True)
    assert processes.last_line("two") == "(empty log)"
    assert processes.last_line("three") == "(no log)"


def test_any_thread_may_ask(processes: Processes):
    """Requests of many threads don't get into each other's way."""

    def live(number: int) -> int | None:
        name = f"p{number}"
        start_ready(processes, name, python(READY))
        processes.stop(name)
        return processes.exit_code(name)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(live, range(12))) == {-signal.SIGTERM}


def test_a_stop_holds_nobody_up(processes: Processes, directory: WorldDirectory):
    """Others are started and stopped while one takes its time."""
    start_ready(processes, "slow", stubborn(directory.address, [directory.free_port()]))
    with ThreadPoolExecutor(1) as threads:
        stopping = threads.submit(processes.stop, "slow", timeout_seconds=60.0)
        start_ready(processes, "quick", python(READY))
        processes.stop("quick")
        assert not stopping.done()
        processes.signal("slow", signal.SIGKILL)
        stopping.result(GONE_SECONDS)
    assert processes.exit_code("slow") == -signal.SIGKILL


def test_a_world_that_is_ended_from_outside(state_directory: Path):
    """Whoever uses it is told; stopping what is gone needs no word."""
    with open_directory("mine", purpose="a test") as directory:
        processes = directory.processes
        start_ready(processes, "one", python(READY))
        assert not processes.wait_until_gone(0)
        os.kill(processes.pid, signal.SIGTERM)
        assert processes.wait_until_gone(GONE_SECONDS)
        processes.stop("one")
        for call in (
            processes.check,
            lambda: processes.start("two", python(READY)),
            lambda: processes.signal("one", signal.SIGHUP),
            lambda: processes.wait_for_line("two", "ready", timeout_seconds=GONE_SECONDS),
        ):
            with pytest.raises((EnvironmentFault, HarnessBug), match=r"ended from outside|two"):
                call()
    assert not state_directory.exists()
