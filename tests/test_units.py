"""Durations, within what a run can tell apart; shares, money and counts as people read them."""

from __future__ import annotations

import pytest

from scalecert.units import (
    LONGEST_SECONDS,
    Duration,
    format_figure,
    format_money,
    format_percent,
    memory_quantity,
    money_unit,
    times,
)


@pytest.mark.parametrize(("text", "seconds"), [("1m30s", 90.0), ("100ms", 0.1), (5, 5.0)])
def test_a_duration_is_in_seconds(text: object, seconds: float):
    """Numbers with units, or a plain number of seconds."""
    assert Duration.decode(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [LONGEST_SECONDS + 1, 1e181, "999999999h", "1e9s", -1, True, "x"])
def test_what_is_no_duration_is_refused(value: object):
    """Beside ten years the seconds of a run are lost in rounding."""
    with pytest.raises(ValueError, match=r"^found .*, expected"):
        Duration.decode(value)


def test_once_is_no_plural():
    """Counts in messages read as people say them."""
    assert [times(count) for count in (0, 1, 2)] == ["0 times", "once", "2 times"]


@pytest.mark.parametrize(
    ("currency", "amount", "unit"), [("USD", "$1,234.50", "$"), ("EUR", "1,234.50 EUR", "EUR")]
)
def test_money_has_its_currency(currency: str, amount: str, unit: str):
    """Dollars are written as dollars are, every other currency by its code."""
    assert (format_money(1234.5, currency), money_unit(currency)) == (amount, unit)


def test_a_share_is_read_as_percent():
    """With as many digits as the reader needs, and no zeros behind them."""
    assert [format_percent(share) for share in (0.05, 0.30004, 1.0)] == ["5 %", "30 %", "100 %"]
    assert format_percent(0.99876, digits=4) == "99.88 %"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (135_291_469_824.0, "bytes", "126 GiB"),
        (95.0, "bytes", "95 bytes"),
        (45_474.0, "MiB", "45,474"),
        (0.66, "fraction", "0.66"),
        (38.0912, "requests", "38.09"),
    ],
)
def test_a_figure_is_in_the_unit_that_people_use(value: float, unit: str, text: str):
    """No power of ten is to be counted, and memory is in binary units."""
    assert format_figure(value, unit) == text


@pytest.mark.parametrize(
    ("count", "text"), [(5e9, "4.66Gi"), (2.0**30, "1Gi"), (20 * 2.0**20, "20Mi"), (95.0, "95")]
)
def test_memory_is_written_as_a_manifest_has_it(count: float, text: str):
    """What is advised can be pasted."""
    assert memory_quantity(count) == text
