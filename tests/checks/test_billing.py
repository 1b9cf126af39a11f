"""The bill: hours that accelerators were held, what they cost, tokens that were served for it."""

from __future__ import annotations

import numpy as np
import pytest
from checks import mutations as m
from checks.mutant_table import BASES, bases
from factories import (
    find_one,
    make_bill,
    make_engine,
    make_plan,
    make_recording,
    make_requests,
    make_series,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.billing import bill
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.runs import Bill


def billed(recording: Recording) -> Bill:
    found = bill(recording)
    assert found is not None
    return found


def test_tokens_per_dollar() -> None:
    """12,000 requests of 256 + 128 tokens, on five accelerators for 20 min at 0.70 an hour."""
    found = billed(make_recording())
    assert found == make_bill(accelerator_hours=pytest.approx(5 / 3), cost=pytest.approx(7 / 6))
    assert found.tokens_per_currency_unit == pytest.approx(12_000 * 384 / (0.7 * 5 / 3))


@pytest.mark.parametrize("base", BASES)
def test_it_is_what_the_check_of_cost_counts(base: str) -> None:
    """Hours and cost of a simulated run are said once, whoever says them."""
    found, finding = billed(bases()[base]), find_one(bases()[base], "accelerator-hours")
    assert finding is not None
    assert finding.evidence["acceleratorHours"] == found.accelerator_hours
    assert finding.evidence["cost"] == found.cost


def test_every_accelerator_of_a_replica_is_paid_for() -> None:
    """Four a replica: four times the cost, a quarter of the tokens per dollar."""
    one, four = (
        billed(make_recording(engine=make_engine(accelerators_per_replica=count)))
        for count in (1, 4)
    )
    assert four.cost == pytest.approx(4 * one.cost)
    assert one.tokens_per_currency_unit == pytest.approx(4 * (four.tokens_per_currency_unit or 0))


def test_terminating_replicas_are_paid_for() -> None:
    """They hold their accelerators."""
    series = make_series()
    series["pods.bound"] = 2 * series["pods.bound"]
    recording = make_recording(series=series)
    assert billed(recording).cost == pytest.approx(2 * billed(make_recording()).cost)


@pytest.mark.parametrize("status", [Status.REJECTED, Status.ABORTED, Status.PENDING])
def test_what_was_not_answered_earns_nothing(status: Status) -> None:
    """Nor does an answer that broke off, whatever it had cost."""
    requests = make_requests()
    requests["status"][:3000] = status
    assert billed(make_recording(requests=requests)).tokens == 9000 * 384


def test_without_a_price_there_is_no_bill() -> None:
    """A price is never guessed."""
    assert bill(make_recording(price_per_hour=None)) is None


@pytest.mark.parametrize("changes", [{"price_per_hour": 0.0}, {"series": make_series((0.0, 0))}])
def test_what_cost_nothing_has_no_efficiency(changes: dict[str, object]) -> None:
    """Own accelerators at no price, or no replica at all: absent, not infinite."""
    found = billed(make_recording(**changes))
    assert (found.cost, found.tokens_per_currency_unit) == (0.0, None)


def test_money_without_an_answer_is_no_token_per_dollar() -> None:
    """Zero is a figure."""
    requests = make_requests(status=np.full(12_000, Status.REJECTED, np.int8))
    assert billed(make_recording(requests=requests)).tokens_per_currency_unit == 0.0


@pytest.mark.parametrize(
    "change",
    [
        m.without_series("pods."),
        m.without_column("status"),
        m.without_column("input_tokens"),
        m.stop_recording_at(900.0),
    ],
)
def test_a_recording_that_is_not_whole_has_no_bill(change: m.Change) -> None:
    """Tokens of the whole run over the cost of half of it would be a lie."""
    assert bill(change(bases()["steady"])) is None


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 1e308])
def test_a_price_that_is_no_number_gives_no_bill(price: float) -> None:
    """Of a plan that was edited: nothing that JSON could not hold."""
    plan = make_plan(price_per_hour=price, engine=make_engine(accelerators_per_replica=10**6))
    assert bill(make_recording(plan=plan)) is None


def test_the_currency_is_the_prices() -> None:
    """It is said where it is not the dollar, by the check of cost too."""
    recording = make_recording(currency="EUR")
    assert billed(recording).currency == "EUR"
    finding = find_one(recording, "accelerator-hours")
    assert finding is not None
    assert "1.17 EUR" in finding.message
    assert "$" not in finding.message


@settings(max_examples=60, derandomize=True, deadline=None)
@given(extra=st.integers(0, 20), lost=st.integers(0, 12_000), price=st.floats(0.01, 50.0))
def test_holding_more_or_serving_less_never_raises_it(extra: int, lost: int, price: float) -> None:
    """And it is in inverse proportion to the price."""
    requests = make_requests()
    requests["status"][:lost] = Status.REJECTED
    series = make_series()
    series["pods.bound"] = series["pods.bound"] + extra
    sound = billed(make_recording(price_per_hour=price)).tokens_per_currency_unit
    worse = billed(
        make_recording(price_per_hour=price, requests=requests, series=series)
    ).tokens_per_currency_unit
    assert sound is not None
    assert worse is not None
    assert worse <= sound * (1 + 1e-9)
    assert sound * price == pytest.approx(4_608_000 / (5 / 3))
