"""What fuzzing prints: examples by target, how many of them were used, and the peak of memory."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz import sound
from fuzz.bounds import answer
from fuzz.effort import EXAMPLES_VARIABLE
from fuzz.judging import SimWorld

from scalecert.planning import capacity, limits
from scalecert.recording import store
from scalecert.workload import arrivals

_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of `ru_maxrss`: bytes on macOS, KiB elsewhere."""


class Tally:
    """Counts the examples of one target, and those whose input was used rather than refused."""

    def __init__(self) -> None:
        self.examples = self.used = 0

    def answer(self, work: Callable[[], Any]) -> Any:
        """Do `bounds.answer`, and count."""
        self.examples += 1
        found = answer(work)
        self.used += found is not None
        return found


@pytest.fixture
def tally(
    record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tally]:
    """Count the examples of a test, for the summary.

    The limits of one run and of one search are fractions of the real ones: that they hold takes
    no hours to see.
    """
    monkeypatch.setattr(limits, "MAX_LOOKS", limits.MAX_LOOKS // 50)
    monkeypatch.setattr(capacity, "MOST_REQUESTS", capacity.MOST_REQUESTS // 5)
    monkeypatch.setattr(arrivals, "MAX_ROWS", arrivals.MAX_ROWS // 50)
    counted = Tally()
    yield counted
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    record_property("fuzz", (counted.examples, counted.used, peak))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small recording, made by the simulator."""
    folder = tmp_path_factory.mktemp("sound") / "tiny"
    trial = sound.trial(sound.subject(), sound.scenario(), folder.parent)
    store.save(SimWorld().run(trial), folder)
    return folder


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one empty folder for all examples of a test."""
    return tmp_path_factory.mktemp("fuzz")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line a target, and the sum, where fuzzing is what the session is for."""
    if EXAMPLES_VARIABLE not in os.environ:
        return
    rows = [
        (report.nodeid.rpartition("::")[2], *value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, value in report.user_properties
        if name == "fuzz"
    ]
    for name, examples, used, _ in rows:
        terminalreporter.write_line(f"fuzz: {examples:6,} examples, {used:6,} used: {name}")
    if rows:
        total, peak = sum(row[1] for row in rows), max(row[3] for row in rows)
        terminalreporter.write_line(
            f"fuzz: {total:6,} examples in all, peak RSS {peak / 2**20:,.0f} MiB"
        )
