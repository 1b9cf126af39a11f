"""The register: one meaning per id, and the reference says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalecert.checks import reference
from scalecert.checks.registry import CHECKS, CheckFunction, Outcome, check, find
from scalecert.checks.shipped import MODULES, shipped
from scalecert.errors import HarnessBug
from scalecert.recording.model import Recording

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"


def test_the_reference_page_is_the_registers_table() -> None:
    """Id, formula, limit, source and level; `python tools/write_reference.py` writes them."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference.updated(page)


def test_every_check_is_in_the_table_once() -> None:
    """The table has a row for each check that ships."""
    page = PAGE.read_text(encoding="utf-8").partition(reference.BEGIN)[2]
    ids = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert sorted(ids) == sorted(entry.id for entry in shipped())


def test_ids_never_change() -> None:
    """Certificates, scenarios and dashboards name them."""
    assert {entry.id for entry in shipped()} >= {
        "ttft-objective", "tpot-objective", "e2e-objective", "slo-attainment", "step-recovery",
        "first-scale-up", "replicas-ready", "settling", "steady-swing", "scale-events-per-hour",
        "overshoot", "accelerator-hours", "return-to-minimum", "no-request-lost",
        "signal-present", "signal-reachable", "signal-moves", "capacity-ceiling",
        "generator-on-time",
    }  # fmt: skip


@pytest.mark.parametrize("entry", shipped(), ids=lambda entry: entry.id)
def test_every_check_says_what_it_is_for(entry: object) -> None:
    """Title, question, formula, source and a limit in words, for `scalecert explain`."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.id)
    assert entry.question.endswith("?")
    assert all((entry.title, entry.formula, entry.source, entry.function.__doc__))
    assert entry.limit_text or not callable(entry.default_limit)


def assert_taken(function: CheckFunction) -> None:
    """Hold that no such function can be registered as `ttft-objective`."""
    register = check(
        id="ttft-objective",
        title="",
        question="",
        formula="",
        source="",
        unit="s",
        default_limit=1.0,
    )
    with pytest.raises(HarnessBug, match="ttft-objective is registered twice"):
        register(function)


def test_an_id_can_not_be_taken_twice() -> None:
    """Two meanings of one id would make certificates incomparable."""

    def other(recording: Recording, limit: float) -> Outcome | None:
        return None

    assert_taken(other)
    assert find("ttft-objective").function.__module__ == MODULES[0].__name__


def test_a_function_of_the_same_name_elsewhere_is_another() -> None:
    """An author's file can't put its own judgement in the place of one that ships."""

    def ttft_objective(recording: Recording, limit: float) -> Outcome | None:
        return None

    ttft_objective.__qualname__ = find("ttft-objective").function.__qualname__
    assert_taken(ttft_objective)


def test_the_page_needs_its_markers() -> None:
    """A table that has nowhere to go is an error, not silence."""
    with pytest.raises(ValueError, match="found no <!-- checks"):
        reference.updated("# Checks")


def test_all_shipped_checks_are_registered() -> None:
    """Importing the judge is enough."""
    assert {entry.id for entry in shipped()} <= set(CHECKS)
