"""Each wait ends: by the condition, by its limit, or by the end of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane.readiness import (
    answer_status,
    caches_are_filled,
    log_says,
    wait_for,
)
from scalecert.worlds.local.directory import WorldDirectory, open_directory


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldDirectory]:
    monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path / "state"))
    with open_directory("readiness", purpose="tests") as directory:
        yield directory


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def test_it_ends_when_the_condition_holds(directory: WorldDirectory):
    """It looks again and again."""
    answers = iter([False, False, True])
    wait_for("it", lambda: next(answers), directory.processes, of="server", limit_seconds=60)
    assert next(answers, None) is None


def test_its_limit_says_what_it_waited_for(directory: WorldDirectory):
    """And what the process said last, which is why more often than not."""
    processes = directory.processes
    processes.start("server", shell("echo no disk; exec sleep 60"))
    wait_for(
        "words",
        lambda: log_says(processes.log("server"), "disk"),
        processes,
        of="server",
        limit_seconds=60,
    )
    said = "^waited 0.1 s for Godot; server said last: no disk$"
    with pytest.raises(EnvironmentFault, match=said):
        wait_for("Godot", lambda: False, processes, of="server", limit_seconds=0.1)


def test_a_process_that_ends_ends_the_wait(directory: WorldDirectory):
    """Nobody waits a minute for a server that is gone; any process of the world counts."""
    directory.processes.start("other", shell("echo bad flag; exit 3"))
    with pytest.raises(EnvironmentFault, match=r"^other ended with exit code 3: bad flag$"):
        wait_for("Godot", lambda: False, directory.processes, of="server", limit_seconds=60)


def test_where_nothing_listens_nothing_answers(directory: WorldDirectory):
    """A refused connection is a look like any other."""
    port = directory.free_port()
    assert answer_status(f"http://{directory.address}:{port}/-/ready") is None


WAITS = 'I1123 03:34:43.701398   10849 shared_informer.go:402] "Waiting for caches to sync"\n'
FILLED = 'I1123 03:34:43.802522   10849 shared_informer.go:409] "Caches are synced"\n'


@pytest.mark.parametrize(
    ("log", "filled"),
    [
        ("", False),
        (WAITS * 2 + FILLED * 2, False),
        (WAITS * 3 + FILLED * 2, False),
        (WAITS * 4 + FILLED * 3, False),
        (WAITS * 3 + FILLED * 3, True),
        (WAITS * 4 + FILLED * 4, True),
    ],
)
def test_controllers_work_once_all_of_them_have_read(tmp_path: Path, log: str, filled: bool):
    """Of three controllers each must have begun and be done; one of them may read twice."""
    file = tmp_path / "log"
    file.write_text(log)
    assert caches_are_filled(file, 3) == filled
