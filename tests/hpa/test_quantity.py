"""Quantities, beyond the recorded ones: rounding, overflow, bad texts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scalecert.hpa.arithmetic import MAX_INT64
from scalecert.hpa.quantity import Quantity, parse_quantity
from scalecert.hpa.quantity_parser import Format, QuantityError


@pytest.mark.parametrize(
    ("text", "canonical", "milli"),
    [
        ("0.5", "500m", 500),
        ("1.5Gi", "1536Mi", 1536 * 1024 * 1024 * 1000),
        ("1000", "1k", 1_000_000),
        ("1n", "1n", 1),  # rounded up
        ("-1u", "-1u", -1),  # away from zero
        ("-1500000000000000000001n", "-1500000000000000000001n", -5813730029525),  # wrapped
        ("0.0000000001", "1n", 1),  # nothing is smaller than a nano
        ("1023Ki", "1023Ki", 1023 * 1024 * 1000),
        ("1024Ki", "1Mi", 1024 * 1024 * 1000),
        ("0.5Ki", "512", 512_000),
        (".", "0", 0),
        ("-", "0", 0),
        ("e5", "0", 0),
        ("5.", "5.", 5000),
        ("+1e3", "+1e3", 1_000_000),
        ("10E2", "1e3", 1_000_000),
        ("8Ei", str(MAX_INT64), -1000),  # capped at the highest int64, which then overflows
        ("9.768539P", "9.768539P", 0),  # overflow: 0 here,
        ("560357804754814084", "560357804754814084", 6955482543527535520),  # wrapped there
    ],
)
def test_parsing(text: str, canonical: str, milli: int) -> None:
    """Canonical form and milli-value are upstream's, with its overflow (checked against Go)."""
    quantity = parse_quantity(text)
    assert (str(quantity), quantity.milli_value) == (canonical, milli)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "abc", "1.5.2", "1x", "1Kii", "1e", "1e+", "1-", "0x10", "1_0", "\u0661",
     "1e9223372036854775808", "1e1000000000000000000000", "9e9" * 400, "." + "1" * 2000 + "e-1"],
)  # fmt: skip
def test_bad_texts_are_refused(text: str) -> None:
    """What is no quantity is an error, however long it is."""
    with pytest.raises(QuantityError):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "0e-999999999"])
def test_huge_exponents_cost_nothing(text: str) -> None:
    """A short text with a huge exponent is a number like any other, or refused; at once."""
    quantity = parse_quantity(text)
    assert quantity.milli_value in (0, 1)
    assert quantity == parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(50, "50"), (0.5, "500m"), ("2Ki", "2Ki"), (" 5 ", "5"), (1e22, "10e21")],
)
def test_documents_may_write_bare_numbers(value: object, expected: str) -> None:
    """A scalar of a document is a quantity if its text is, as in the API's JSON."""
    assert str(Quantity.decode(value)) == expected


@pytest.mark.parametrize("value", [True, None, [1], float("nan"), "fifty"])
def test_other_values_are_refused_with_what_was_found(value: object) -> None:
    """What is no quantity is named in the error."""
    with pytest.raises(QuantityError, match=r"quantity"):
        Quantity.decode(value)


@given(st.integers(-(10**14), 10**14), st.sampled_from(["n", "u", "m", "", "k", "M", "Ki", "Mi"]))
@settings(max_examples=100, derandomize=True)
@example(10**14, "M")
def test_canonical_text_parses_to_the_same_value(number: int, suffix: str) -> None:
    """Writing and reading a quantity again changes neither its value nor its text.

    From 10^21 on it does, upstream too: no suffix is beyond E, so that the power of ten is lost.
    """
    quantity = parse_quantity(f"{number}{suffix}")
    again = parse_quantity(str(quantity))
    assert (again, hash(again)) == (quantity, hash(quantity))
    assert str(again) == str(quantity)


@given(st.integers(-(10**12), 10**12), st.integers(0, 9))
@settings(max_examples=100, derandomize=True)
def test_milli_values_round_away_from_zero(unscaled: int, places: int) -> None:
    """A milli-value is never nearer to zero than the quantity, and less than one away."""
    value = Fraction(unscaled, 10**places)
    milli = parse_quantity(f"{unscaled}e-{places}").milli_value
    assert abs(milli) >= abs(value * 1000)
    assert abs(milli - value * 1000) < 1


def test_equality_is_by_value() -> None:
    """Quantities written differently are equal; other things are not."""
    assert parse_quantity("1") == parse_quantity("1000m") == Quantity.from_milli(1000)
    assert parse_quantity("1") != parse_quantity("1001m")
    assert parse_quantity("1") != 1


def test_memory_is_shown_with_binary_suffixes_where_nothing_is_lost() -> None:
    """Binary form is for whole amounts from 1024 on."""
    assert str(Quantity.from_milli(2048_000, Format.BINARY_SI)) == "2Ki"
    assert str(Quantity.from_milli(2048_001, Format.BINARY_SI)) == "2048001m"
    assert str(Quantity.from_milli(1023_000, Format.BINARY_SI)) == "1023"


def test_spaces_around_a_quantity_of_a_document_are_ignored() -> None:
    """The API trims the JSON string as it is written, where other white space is an escape."""
    assert Quantity.decode(" 5m ") == parse_quantity("5m")
    for text in ("5m\t", "\n5m", "5 m", " "):
        with pytest.raises(QuantityError):
            Quantity.decode(text)
