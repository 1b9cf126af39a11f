"""A world's place: one holder per name, several names at once, nobody else's business."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest
from world_stand_ins import open_harness, stubborn

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds.local import leases, state
from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.supervisor import client


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_user_may_look(directory: WorldDirectory):
    """Directories are 0700, files 0600."""
    base = directory.path.parent
    assert [mode(path) for path in (base, directory.path, directory.path / "logs")] == [0o700] * 3
    assert mode(base / "mine.lock") == mode(directory.path / "world.json") == 0o600


def test_the_same_name_is_refused(state_directory: Path):
    """In one line that says who holds it and what to do."""
    with (
        open_harness("mine") as harness,
        pytest.raises(UsageError) as refused,
        open_directory("mine", purpose="another"),
    ):
        pytest.fail("it was opened")
    assert re.fullmatch(
        rf"--name: world 'mine' is held by pid {harness.process.pid} of \S+ since \S+Z"
        r" \(a test\): .*python.* \(--name OTHER, or scalecert world down --name mine\)",
        str(refused.value),
    )


def test_the_same_name_within_a_process(directory: WorldDirectory):
    """The lock is a world's, not a process's."""
    with (
        pytest.raises(UsageError, match=f"held by pid {os.getpid()}"),
        open_directory(directory.name, purpose="another"),
    ):
        pytest.fail("it was opened")


def test_two_names_run_at_once_undisturbed(directory: WorldDirectory):
    """Each has its own addresses; the end of one is none of the other."""
    with open_directory("other", purpose="a test") as other:
        assert other.subnet != directory.subnet
        assert directory.free_port() == other.free_port()
        for world in (directory, other):
            command = stubborn(world.address, [8000])
            world.processes.start("one", command)
            world.processes.wait_for_line("one", "ready", timeout_seconds=10)
    assert directory.path.is_dir()
    directory.processes.check()
    assert state.running(directory.path.parent) == ["mine"]


def test_a_name_is_free_again(state_directory: Path):
    """At once, and with another directory."""
    for _ in range(2):
        with open_directory("mine", purpose="a test") as directory:
            assert not (directory.path / "left").exists()
            (directory.path / "left").touch()
        assert not state_directory.exists()


def test_an_error_in_the_world_is_the_one_that_is_told(state_directory: Path):
    """And nothing is left."""
    with pytest.raises(ZeroDivisionError), open_directory("mine", purpose="a test"):
        raise ZeroDivisionError
    assert not state_directory.exists()


def test_what_a_killed_world_left_is_removed(state_directory: Path):
    """Of any name."""
    for name in ("mine", "other"):
        (state_directory / name / "etcd").mkdir(parents=True)
        (state_directory / f"{name}.lock").touch()
    state_directory.chmod(0o700)
    with open_directory("mine", purpose="a test") as directory:
        assert not (directory.path / "etcd").exists()
        assert not (state_directory / "other").exists()
    assert not state_directory.exists()


def test_a_supervisor_that_does_not_come_up(state_directory: Path, monkeypatch: pytest.MonkeyPatch):
    """Its last words are told, and nothing is left."""
    monkeypatch.setattr(client.sys, "executable", "/bin/false")
    with (
        pytest.raises(EnvironmentFault, match="supervisor did not come up"),
        open_directory("mine", purpose="a test"),
    ):
        pytest.fail("it was opened")
    assert not state_directory.exists()


def test_no_address_is_free(state_directory: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is left of the attempt."""
    monkeypatch.setattr(leases, "_binds", lambda address, port: False)
    with pytest.raises(EnvironmentFault, match="no /24"), open_directory("mine", purpose="a test"):
        pytest.fail("it was opened")
    assert not state_directory.exists()


def test_the_kubeconfig_is_told(directory: WorldDirectory):
    """For `status`, beside who holds the world."""
    base = directory.path.parent
    before = state.holder_of(base, "mine")
    directory.tell_kubeconfig(directory.path / "kubeconfig")
    after = state.holder_of(base, "mine")
    assert before.kubeconfig is None
    assert after == msgspec.structs.replace(before, kubeconfig=str(directory.path / "kubeconfig"))


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "..", "a.lock", "a" * 33])
def test_a_name_is_a_label(name: str, state_directory: Path):
    """It becomes a file's name, and a process's."""
    with (
        pytest.raises(UsageError, match="--name: found"),
        open_directory(name, purpose="a test"),
    ):
        pytest.fail("it was opened")
    assert not state_directory.exists()


class TestWhereStateIs:
    """In the first of three places that is said, if it is this user's alone."""

    @pytest.fixture(autouse=True)
    def nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SCALECERT_STATE_DIR", "XDG_RUNTIME_DIR"):
            monkeypatch.delenv(name, raising=False)

    def test_the_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """What the user says, the session's directory, the temporary one."""
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert state.base_directory() == tmp_path / f"scalecert-{os.geteuid()}"
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "ended"))
        assert state.base_directory() == tmp_path / f"scalecert-{os.geteuid()}"
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert state.base_directory() == tmp_path / "scalecert"
        monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path / "own"))
        assert state.base_directory() == tmp_path / "own"
        assert list(tmp_path.iterdir()) == []

    def test_others_may_look_into_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Keys would be in it."""
        monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path))
        tmp_path.chmod(0o750)
        with pytest.raises(UsageError, match="found mode 0750, expected 0700"):
            state.make_base_directory()

    def test_it_is_somebody_else_s(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Whoever made it first could read and replace what is in it."""
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        state.make_base_directory()
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
        with pytest.raises(UsageError, match=f"found one of user {user}, expected one of ours"):
            state.base_directory()

    @pytest.mark.parametrize("what", ["file", "link"])
    def test_it_is_no_directory(self, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A link might lead anywhere."""
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        (tmp_path / "real").mkdir(0o700)
        if what == "file":
            (tmp_path / "scalecert").touch()
        else:
            (tmp_path / "scalecert").symlink_to(tmp_path / "real")
        with pytest.raises(UsageError, match=r"scalecert: (found no directory|can't be made)"):
            state.make_base_directory()

    def test_it_cannot_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """It is said where, and how to have it elsewhere."""
        (tmp_path / "file").touch()
        monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path / "file" / "state"))
        with pytest.raises(UsageError, match=r"file/state: can't be made.*SCALECERT_STATE_DIR"):
            state.make_base_directory()


def test_a_damaged_world_json_is_no_holder(directory: WorldDirectory):
    """Whoever asks is told that somebody is there, without more."""
    (directory.path / "world.json").write_text("{")
    with (
        pytest.raises(UsageError, match="held by a process that is just starting or ending"),
        open_directory("mine", purpose="another"),
    ):
        pytest.fail("it was opened")


def test_the_supervisor_starts_with_little():
    """The standard library and the clock: it is up at once, and small."""
    code = "import sys, scalecert.worlds.local.supervisor.guard; print(*sys.modules)"
    modules = subprocess.run(
        [client.sys.executable, "-c", code],
        env=client.minimal_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = {name for name in modules if name.startswith("scalecert.")}
    assert not {"numpy", "msgspec", "click", "yaml", "kubernetes"} & set(modules)
    assert {name for name in ours if "worlds" not in name} == {"scalecert.clock"}
