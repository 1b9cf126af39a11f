"""`scalecert world`: what it keeps open, lists and ends; the world itself is a stand-in."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import world_stand_ins
from world_stand_ins import GONE_SECONDS, Watched, open_harness

from scalecert import cli
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds import opening
from scalecert.worlds.local import contents, keeping, state
from scalecert.worlds.local.directory import open_directory
from scalecert.worlds.local.supervisor.descendants import descendants_of

Here = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `up` open a stand-in, with its state in the test's folder; end what it keeps."""
    monkeypatch.setattr(keeping, "OPENER", "world_stand_ins:open_by_hand")
    monkeypatch.setattr(opening, "prepare_world", lambda _name: None)
    monkeypatch.setenv("PYTHONPATH", world_stand_ins.environment()["PYTHONPATH"])
    monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path / "state"))
    yield
    for name in state.running(state.base_directory()):
        with suppress(UsageError):  # it ends by itself
            keeping.end(name)


def kept(name: str) -> state.Holder:
    """Return who keeps a world open."""
    holder = state.holder_of(state.base_directory(), name)
    assert holder is not None
    return holder


def test_up_returns_and_the_world_goes_on(here: Here, tmp_path: Path):
    """In a session of its own; what is printed is for a shell, comments first."""
    up = here("world", "up", "--world", "local", "--name", "mine", "--time-lapse", "5")
    assert (up.returncode, up.stderr) == (0, "world mine is starting\n")
    *comments, export = up.stdout.splitlines()
    assert comments == ["# time lapse: 5", "# end it: scalecert world down --name mine"]
    kubeconfig = tmp_path / "state/mine/kube config"
    assert shlex.split(export) == ["export", f"KUBECONFIG={kubeconfig}"]
    assert kubeconfig.exists()
    assert os.getsid(kept("mine").pid) == kept("mine").pid


def test_down_returns_when_nothing_is_left(here: Here, tmp_path: Path):
    """It says who held the world."""
    here("world", "up", "--name", "mine")
    keeper = kept("mine").pid
    world = Watched(descendants_of(keeper) | {keeper})
    try:
        down = here("world", "down", "--name", "mine")
        assert down.returncode == 0
        assert re.fullmatch(
            rf"world mine has ended, which was held by pid {keeper} of .*\n", down.stdout
        )
        assert not (tmp_path / "state").exists()
        assert world.left_after(GONE_SECONDS) == set()
    finally:
        world.close()


def test_the_keeper_ends_on_sigterm(here: Here, tmp_path: Path):
    """As `kill` or a shutdown would have it; the world ends with it."""
    here("world", "up")
    keeper = kept("default").pid
    world = Watched(descendants_of(keeper) | {keeper})
    try:
        os.kill(keeper, signal.SIGTERM)
        assert world.left_after(GONE_SECONDS) == set()
        assert not (tmp_path / "state").exists()
    finally:
        world.close()


def test_a_second_up_says_who_holds_it(here: Here):
    """In one line, with what to do; another name is another world."""
    here("world", "up")
    again = here("world", "up")
    assert again.returncode == 2
    assert again.stdout == ""
    _, line = again.stderr.splitlines()
    assert line.startswith(
        f"scalecert: --name: world 'default' is held by pid {kept('default').pid} of "
    )
    assert line.endswith("(--name OTHER, or scalecert world down --name default)")
    assert here("world", "up", "--name", "other").returncode == 0
    assert state.running(state.base_directory()) == ["default", "other"]


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("unusable", 2, "scalecert: --profile: found no-such, expected a profile"),
        ("broken", 3, "scalecert: the API server was not ready in 20 s"),
        ("buggy", 3, "scalecert: world 'buggy' did not come up: ZeroDivisionError: a bug"),
    ],
)
def test_a_world_that_does_not_come_up(here: Here, tmp_path: Path, name: str, code: int, says: str):
    """One line says why, by the exit code of whoever can help; nothing is left."""
    up = here("world", "up", "--name", name, "--profile", "no-such")
    assert (up.returncode, up.stdout) == (code, "")
    assert up.stderr.splitlines() == [f"world {name} is starting", says]
    assert not (tmp_path / "state").exists()


def test_an_up_that_is_interrupted(here: Here, tmp_path: Path):
    """Ctrl-C while the world starts: it ends."""
    state_directory = tmp_path / "state"

    def interrupt() -> None:
        beat = threading.Event()
        while not (state_directory / "slow/world.json").exists():
            beat.wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    up = here("world", "up", "--name", "slow")
    thread.join()
    assert up.returncode == cli.INTERRUPTED
    assert not state_directory.exists()


def test_status_of_nothing(here: Here, tmp_path: Path):
    """It leaves no directory either."""
    assert here("world", "status").stdout == "no world runs\n"
    assert here("world", "status", "--name", "mine").stdout == "world mine does not run\n"
    assert here("world", "status", "--json").stdout == "{}\n"
    assert not (tmp_path / "state").exists()


def test_status_says_who_holds_what(here: Here, tmp_path: Path):
    """Of worlds that `up` keeps, and of others'."""
    here("world", "up", "--name", "mine")
    with open_harness("theirs") as harness:
        told = json.loads(here("world", "status", "--json").stdout)
        assert set(told) == {"mine", "theirs"}
        assert told["theirs"] == {
            "held by": str(kept("theirs")),
            "address": harness.address,
            "directory": str(harness.path),
        }
        assert told["mine"]["kubeconfig"] == str(tmp_path / "state/mine/kube config")
        assert told["mine"]["contents"] == contents.UNKNOWN
        text = here("world", "status", "--name", "theirs").stdout
        assert text.splitlines()[0] == "world theirs"
        assert f"held by    pid {harness.process.pid} of" in text
        assert "mine" not in text.replace(str(tmp_path), "")


def test_status_while_a_world_starts(here: Here):
    """There is nothing to say of it yet."""
    with open_directory("mine", purpose="a test") as directory:
        (directory.path / "world.json").unlink()
        assert "just starting or ending" in here("world", "status").stdout


def test_down_ends_anybody_s_world(here: Here):
    """A run that is forgotten, too; its harness is told by the next thing that it asks."""
    with open_harness("mine") as harness:
        assert here("world", "down", "--name", "mine").returncode == 0
        harness.assert_nothing_is_left(within_seconds=1)


def test_down_of_nothing(here: Here):
    """The names that run are said."""
    with open_directory("other", purpose="a test"):
        down = here("world", "down", "--name", "mine")
    assert down.returncode == 2
    assert down.stderr == (
        "scalecert: --name: found 'mine', which does not run, expected one that does: other\n"
    )


def test_down_of_a_world_that_does_not_care(here: Here, monkeypatch: pytest.MonkeyPatch):
    """Its supervisor is killed, if it is stopped for instance; the inner one cleans up."""
    monkeypatch.setattr(keeping, "_END_SECONDS", 1.5)
    with open_harness("mine") as harness:
        os.kill(harness.supervisor, signal.SIGSTOP)
        assert here("world", "down", "--name", "mine").returncode == 0
        harness.assert_nothing_is_left(within_seconds=1)


@pytest.mark.parametrize("words", [["up"], ["status"], ["down"]])
def test_elsewhere_than_on_linux(here: Here, monkeypatch: pytest.MonkeyPatch, words: list[str]):
    """One line says so."""
    monkeypatch.setattr(sys, "platform", "darwin")
    found = here("world", *words)
    assert found.returncode == 2
    assert found.stderr == (
        "scalecert: --world: found local on darwin, expected Linux (sim runs anywhere)\n"
    )


@pytest.mark.parametrize(
    "words", [["--name", "No Label"], ["--time-lapse", "2"], ["--world", "sim"]]
)
def test_unusable_words(here: Here, words: list[str]):
    """Exit code 2, and nothing is started."""
    up = here("world", "up", *words)
    assert up.returncode == 2
    assert words[0] in up.stderr


def test_the_commands_are_listed(here: Here):
    """Without one, as for other groups."""
    assert {"up", "status", "down"} <= set(here("world").stdout.split())


class Api(BaseHTTPRequestHandler):
    """Two nodes; three pods, one of them ready, one without a status."""

    def do_GET(self) -> None:
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        waits = {"conditions": [{"type": "Ready", "status": "False"}]}
        items = {"/api/v1/nodes": [{}, {}]}.get(
            self.path, [{"status": ready}, {"status": waits}, {}]
        )
        body = json.dumps({"items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def test_contents_are_counted(tmp_path: Path):
    """By the API server that the kubeconfig names."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cluster = {"server": f"http://127.0.0.1:{server.server_port}"}
        kubeconfig = {
            "current-context": "world",
            "contexts": [{"name": "world", "context": {"cluster": "world", "user": "admin"}}],
            "clusters": [{"name": "world", "cluster": cluster}],
            "users": [{"name": "admin", "user": {}}],
        }
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(kubeconfig))
        try:
            assert contents.contents(file) == "2 nodes, 3 pods, 1 of them ready"
        finally:
            server.shutdown()
            thread.join()
    assert contents.contents(file) == contents.UNKNOWN


def test_a_world_that_does_not_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """It is said whom to look at."""
    monkeypatch.setattr(keeping, "_END_SECONDS", 0.05)
    with open_directory("mine", purpose="a test") as directory:
        told = state.holder_of(tmp_path / "state", "mine")
        monkeypatch.setattr(os, "kill", lambda pid, number: None)
        with pytest.raises(
            EnvironmentFault, match=f"'mine' does not end: see pid {told.supervisor_pid}"
        ):
            keeping.end("mine")
        monkeypatch.undo()
        directory.processes.check()


def test_names_are_checked_first():
    """No path gets through."""
    with pytest.raises(UsageError, match="--name"):
        keeping.end("../mine")
