"""Lines that a terminal shows as they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.errors import UsageError
from scalecert.lines import LONGEST, one_line, printable


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.text(), st.integers(10, 50))
def test_any_text_becomes_one_printable_line(text: str, longest: int):
    """Whatever the text, what comes out has no line break, nothing invisible, and a length."""
    line = one_line(text, longest)
    assert line.isprintable()
    assert len(line) <= longest


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
        ("é 𝄞", "é 𝄞"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelt_out(text: str, line: str):
    """Breaks become spaces; control characters, direction marks, lone surrogates are visible."""
    assert one_line(text) == line


def test_a_long_text_keeps_both_ends():
    """The place stands at the beginning of a message and the hint at its end."""
    line = one_line("begin" + "x" * 100_000 + "end")
    assert len(line) == LONGEST
    assert line.startswith("begin")
    assert line.endswith("end")


def test_plain_data_is_made_printable_at_any_depth():
    """Reports show values of documents, wherever in them they are."""
    assert printable({"a": ["x\ny", {"b": "\x07"}], "n": 1}) == {
        "a": ["x y", {"b": r"\x07"}],
        "n": 1,
    }


def test_a_users_error_is_such_a_line():
    """A megabyte, or a control sequence, in a user's file does not reach the screen."""
    error = UsageError("found \x1b[2J" + "x" * 1_000_000, file="a.yaml", line=3, hint="do\nthis")
    assert str(error).startswith(r"a.yaml:3: found \x1b[2Jx")
    assert str(error).endswith("x (do this)")
    assert str(error).isprintable()
    assert len(str(error)) <= LONGEST
