"""What processes use, out of /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scalecert.worlds.local.node_agent.pod_objects import PodIdentity
from scalecert.worlds.local.node_agent.usage import parse_stat, tree_usage, usage_of

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def stat(name: str, ticks: tuple[int, int, int, int], pages: int) -> str:
    before = ["S", *["1"] * 10]
    between = ["0"] * 6
    return f"7 ({name}) {' '.join([*before, *map(str, ticks), *between, str(pages), '0'])}"


def put(proc: Path, pid: int, text: str, children: str = "") -> None:
    (proc / f"{pid}/task/{pid}").mkdir(parents=True)
    (proc / f"{pid}/stat").write_text(text)
    (proc / f"{pid}/task/{pid}/children").write_text(children)


def test_a_name_may_have_blanks_and_brackets():
    """Fields are counted from the last bracket."""
    seconds, resident = parse_stat(stat("a) (b", (1, 2, 3, 4), 5))
    assert seconds == pytest.approx(10 * TICK)
    assert resident == 5 * PAGE


def test_children_count_with_their_parent(tmp_path: Path):
    """Theirs too; one that has gone meanwhile uses nothing."""
    put(tmp_path, 1, stat("a", (1, 0, 0, 0), 1), "2 9")
    put(tmp_path, 2, stat("b", (2, 0, 0, 0), 2), "3")
    put(tmp_path, 3, stat("c", (4, 0, 0, 0), 4))
    assert tree_usage(1, tmp_path) == (pytest.approx(7 * TICK), 7 * PAGE)


def test_this_process_uses_something():
    """The fields are those of a real kernel."""
    seconds, resident = tree_usage(os.getpid())
    assert seconds > 0.0
    assert resident > 1 << 20


def test_a_container_without_a_process_uses_nothing():
    """It is there all the same, as its pod's other containers are."""
    pod = PodIdentity("a", "default", "uid", 0)
    usage = usage_of({pod: {"server": (3.0, os.getpid()), "sidecar": (4.0, 0)}}, 9.0)
    (found,) = usage.pods
    assert (usage.time, found.namespace, found.name) == (9.0, "default", "a")
    server, sidecar = found.containers
    assert server.working_set_bytes > 0
    assert (sidecar.name, sidecar.since, sidecar.cpu_seconds) == ("sidecar", 4.0, 0.0)
