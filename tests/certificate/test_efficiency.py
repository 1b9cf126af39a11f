"""Tokens per dollar: the first run's beside the range of all, absent where nothing was paid."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from factories import make_bill, make_plan, make_runs, make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scalecert.certificate import junit, text
from scalecert.certificate.document import Certificate, issue
from scalecert.certificate.efficiency import efficiencies
from scalecert.cli import schemas
from scalecert.documents import canonical_json
from scalecert.recording.runs import Bill, RecordedRun


def runs_of(*bills: Bill | None, name: str = "steady") -> tuple[RecordedRun, ...]:
    """Return the runs of one scenario with these bills, the first run's first."""
    runs = make_runs(make_plan(scenario=make_scenario(name=name)))
    return tuple(replace(run, bill=bill) for run, bill in zip(runs, bills, strict=False))


def certificate_of(*runs: RecordedRun) -> Certificate:
    return issue("vllm", runs, (), "2026-01-01T00:00:00Z")


def bill_of(rate: float, **changes: Any) -> Bill:
    """Return a bill of so many million tokens for each dollar."""
    return make_bill(cost=2.0, tokens=round(2_000_000 * rate), **changes)


def test_the_first_runs_with_the_range_of_all() -> None:
    """As capacity has it: the first seed's figure, and the lowest and highest of the band."""
    found = efficiencies(runs_of(bill_of(4.0), bill_of(5.0), bill_of(3.0)))["steady"]
    assert found.tokens_per_currency_unit == 4_000_000
    assert (found.lowest, found.highest) == (3_000_000, 5_000_000)
    assert (found.tokens, found.cost, found.currency) == (8_000_000, 2.0, "USD")


@pytest.mark.parametrize("first", [None, make_bill(cost=0.0)])
def test_where_the_first_run_paid_nothing_there_is_none(first: Bill | None) -> None:
    """Absent everywhere: in the document, for a person and for CI."""
    certificate = certificate_of(*runs_of(first, bill_of(4.0), bill_of(4.0)))
    assert certificate.spec.scenarios[0].efficiency is None
    assert "tokens/$" not in text.summary(certificate)
    assert b"CurrencyUnit" not in junit.render(certificate)


@pytest.mark.parametrize("other", [None, make_bill(cost=0.0)])
def test_runs_that_have_none_are_not_in_the_range(other: Bill | None) -> None:
    """A run that is not whole says nothing; one that cost nothing is not infinitely efficient."""
    found = efficiencies(runs_of(bill_of(4.0), other, bill_of(5.0)))["steady"]
    assert (found.lowest, found.highest) == (4_000_000, 5_000_000)


def test_each_scenario_has_its_own() -> None:
    """What an idle night costs is not hidden in a busy day."""
    runs = (*runs_of(bill_of(4.0), name="busy"), *runs_of(bill_of(0.5), name="idle"))
    found = {one.id: one.efficiency for one in certificate_of(*runs).spec.scenarios}
    assert {name: one and one.tokens_per_currency_unit for name, one in found.items()} == {
        "busy": 4_000_000,
        "idle": 500_000,
    }


def test_the_summary_says_it_by_scenario() -> None:
    """With the range only where runs differ, in at most 100 columns."""
    busy = runs_of(bill_of(4.0), bill_of(5.0), name="busy")
    lines = text.summary(certificate_of(*busy, *runs_of(bill_of(0.5), name="idle"))).splitlines()
    assert "million tokens/$: busy 4 (4 to 5), idle 0.5" in lines
    many = [run for i in range(20) for run in runs_of(bill_of(4.0), name=f"scenario-{i}")]
    assert all(len(line) <= 100 for line in text.summary(certificate_of(*many)).splitlines())


def test_another_currency_is_named() -> None:
    """Euros are not called dollars."""
    certificate = certificate_of(*runs_of(bill_of(4.0, currency="EUR")))
    assert "\nmillion tokens/EUR: steady 4\n" in text.summary(certificate)
    assert b'name="currency" value="EUR"' in junit.render(certificate)


@pytest.mark.parametrize(
    ("bill", "line"),
    [
        (bill_of(4.0), "1.67 accelerator-hours, $2.00: 4 million tokens/$"),
        (bill_of(4.0, currency="EUR"), "1.67 accelerator-hours, 2.00 EUR: 4 million tokens/EUR"),
        (make_bill(cost=0.0), "1.67 accelerator-hours, at no cost"),
    ],
)
def test_a_run_alone_says_its_bill(bill: Bill, line: str) -> None:
    """What `run` and `recheck` of one case print."""
    assert text.bill_line(bill) == line


def test_it_keeps_the_published_schema() -> None:
    """There, and absent."""
    validator = jsonschema.Draft202012Validator(schemas.schema("certificate"))
    for bill in (bill_of(4.0), None):
        certificate = certificate_of(*runs_of(bill, bill, bill))
        validator.validate(json.loads(canonical_json(certificate)))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(rates=st.lists(st.floats(0.001, 1e4), min_size=1, max_size=3))
def test_the_figure_lies_in_its_range(rates: list[float]) -> None:
    """Lowest <= first <= highest, whatever the runs."""
    found = efficiencies(runs_of(*map(bill_of, rates)))["steady"]
    assert found.lowest <= found.tokens_per_currency_unit <= found.highest
