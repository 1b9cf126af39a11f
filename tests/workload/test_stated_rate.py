"""Rates as written."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.scalars import decode_hook, encode_hook
from scalecert.workload.stated_rate import Rate

MODEST = settings(max_examples=100, derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("written", "canonical", "per_second"),
    [
        (3, "3/s", 3.0),
        (3.5, "3.5/s", 3.5),
        ("3.50/s", "3.5/s", 3.5),
        ("0.4 max", "0.4 max", 0.4 * 2.5 * 8),
        ("0.4max", "0.4 max", 0.4 * 2.5 * 8),
        ("1 replica", "1 replicas", 2.5),
        ("1.5 replicas", "1.5 replicas", 3.75),
        (0, "0/s", 0.0),
        (1e-7, "1e-07/s", 1e-7),
    ],
)
def test_units(written, canonical, per_second):
    """A number is absolute; `replicas` counts one replica's capacity, `max` maxReplicas of it."""
    rate = Rate.decode(written)
    assert rate.encode() == canonical
    assert rate.per_second(capacity_per_second=2.5, max_replicas=8) == pytest.approx(per_second)


@pytest.mark.parametrize(
    "written",
    ["", "3.5", "-1/s", "0.4 min", "0.4  max", "nan/s", "1e999 max", "٣/s"]  # noqa: RUF005 - two kinds
    + [True, None, -1, float("inf"), float("nan"), 10**400, [1]],
)
def test_refused(written):
    """Anything else is refused by name, an integer too long for a float included."""
    with pytest.raises(ValueError, match="expected a rate"):
        Rate.decode(written)


@MODEST
@given(
    st.floats(0, 1e9) | st.integers(0, 10**9),
    st.sampled_from(["/s", " max", " replica", " replicas", None]),
)
def test_round_trip(number, unit):
    """Decoding what was encoded gives the same rate, for every number and unit."""
    rate = Rate.decode(number if unit is None else f"{number}{unit}")
    again = Rate.decode(rate.encode())
    assert again == rate
    assert hash(again) == hash(rate)
    assert repr(again) == repr(rate)


@MODEST
@given(st.text(max_size=12) | st.from_regex(r"\d+(\.\d+)? ?(/s|max|replicas?)", fullmatch=True))
def test_schema_accepts_what_decoding_accepts(text):
    """The pattern of the JSON Schema is the parser's language."""
    pattern = Rate.json_schema()["oneOf"][0]["pattern"]
    described = re.search(pattern, text) is not None and not text.endswith("\n")
    try:
        Rate(text)
    except ValueError:
        assert not described
    else:
        assert described


def test_hooks():
    """The hooks that documents share know rates, and name the field of a wrong one."""
    assert msgspec.convert({"a": 2}, dict[str, Rate], dec_hook=decode_hook) == {"a": Rate("2/s")}
    assert msgspec.json.encode(Rate("2/s"), enc_hook=encode_hook) == b'"2/s"'
    with pytest.raises(msgspec.ValidationError, match=r"found 'fast', expected a rate.*\$\[0\]"):
        msgspec.convert(["fast"], list[Rate], dec_hook=decode_hook)
