"""The page on JetStream's own orchestrator: what it says of the model is what the model does."""

from __future__ import annotations

from pathlib import Path

import pytest
from jetstream_golden.causes import CAUSES
from jetstream_golden.claims import FACTS
from jetstream_golden.modelled import Modelled
from jetstream_golden.record import Gauges, Record, Seen
from jetstream_golden.scripts import LENGTHS, Script
from jetstream_golden.table import Row, markdown, rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "golden-jetstream.md"
STEP = 1.0
NOTHING = Gauges(0.0, 0.0, 0.0)


def stated(script: Script) -> dict[str, dict[str, str]]:
    """Return what the page says of a script: by fact, by the column's name."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = cells[0][2:]
    return {
        row[1]: dict(zip(names, row[2:], strict=True)) for row in cells if row[0] == script.name
    }


def record(*seen: Seen, gauges: tuple[Gauges, ...] = ()) -> Record:
    return Record(STEP, (NOTHING, NOTHING), seen, gauges)


def row(real: list[str], ours: list[str], cause: str | None = None) -> Row:
    return Row("script", "fact", dict(enumerate(real)), dict(enumerate(ours)), cause)


@pytest.mark.parametrize("script", FACTS, ids=lambda script: script.name)
def test_the_model_does_what_the_page_says(script: Script):
    """The real servers' columns were measured; the model's is computed anew in every test run."""
    page = stated(script)
    seen = Modelled(script).run()
    assert {fact: say(seen) for fact, say in FACTS[script].items()} == {
        fact: values["model"] for fact, values in page.items()
    }


@pytest.mark.parametrize("script", FACTS, ids=lambda script: script.name)
def test_every_difference_on_the_page_has_its_cause(script: Script):
    """The mock server and the model agree with one of the real servers, or it is said why not."""
    for fact, values in stated(script).items():
        one = Row(
            script.name,
            fact,
            {name: values[name] for name in ("waits", "ahead")},
            {name: values[name] for name in ("model", "mock")},
            CAUSES.get((script.name, fact)),
        )
        assert one.accounted_for
        assert values["same?"].startswith(one.verdict)


def test_a_difference_without_a_cause_is_none_that_is_accounted_for():
    """Nor is a cause without a difference: it is out of date."""
    assert row(["1", "2"], ["1", "1"]).accounted_for
    assert row(["1", "2"], ["1", "2"]).accounted_for
    assert not row(["1", "2"], ["1", "3"]).accounted_for
    assert row(["1", "2"], ["3", "3"], "why").accounted_for
    assert not row(["1", "2"], ["1", "1"], "why").accounted_for


def test_the_table_says_with_which_server_ours_agree():
    """One row each; a cause is a note below, whose number the row has."""
    records = {name: {LENGTHS: Modelled(LENGTHS).run()} for name in ("waits", "model")}
    facts = {LENGTHS: {"a fact": lambda of: "same" if of is records["waits"][LENGTHS] else "other"}}
    table = list(
        rows(
            facts,
            {"waits": records["waits"]},
            {"model": records["model"]},
            {("lengths", "a fact"): "a cause"},
        )
    )
    assert list(markdown(table)) == [
        "| script | fact | waits | model | same? |",
        "| --- | --- | --- | --- | --- |",
        "| lengths | a fact | same | other | **no** (1) |",
        "",
        "1. a cause",
    ]


def test_values_that_pass_by_are_left_out():
    """A value that is seen for less than half a step is on its way to another."""
    values = [(0.0, 1.0), (0.6, 1.0), (0.7, 2.0), (0.8, 3.0), (1.4, 3.0), (1.5, 4.0), (2.0, 4.0)]
    assert record().lasting(values) == [1.0, 3.0, 4.0]


def test_a_record_with_a_gap_is_not_sound():
    """A gauge that was not looked at for half a step may have shown anything meanwhile."""
    seen = Seen(0.0, None, (1.0, 2.0), (1, 0), 2.0)
    often = tuple(Gauges(0.25 * place, 0.0, 0.0) for place in range(8))
    assert record(seen, gauges=often).is_sound
    assert not record(seen, gauges=often[:3] + often[5:]).is_sound
    late = Seen(0.6, None, (1.0, 2.0), (1, 0), 2.0)
    assert not record(seen, late, gauges=often).is_sound
