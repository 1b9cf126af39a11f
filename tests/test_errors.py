"""Errors: one line for the user, and the same line from another process."""

from __future__ import annotations

import pickle

import pytest

from scalecert.errors import EnvironmentFault, HarnessBug, ScaleCertError, UsageError
from scalecert.planning.unit_of_load import ObjectiveOutOfReach

WHOLE = UsageError("found 3", file="a.yaml", line=7, field="spec.x", hint="expected 4")


@pytest.mark.parametrize(
    "error",
    [
        UsageError("found 3"),
        WHOLE,
        ObjectiveOutOfReach("ttft is 3 s", field="objective", hint="loosen it"),
        EnvironmentFault("no cluster"),
        HarnessBug("3 is not 4"),
    ],
    ids=["bare", "whole", "subclass", "fault", "bug"],
)
def test_an_error_travels_between_processes(error: ScaleCertError) -> None:
    """Kind, text and every part arrive; keyword arguments are not lost on the way."""
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_a_usage_error_is_one_line() -> None:
    """Place, field, what was found and what to do, whatever white space is in them."""
    assert str(WHOLE) == "a.yaml:7: spec.x: found 3 (expected 4)"
    assert str(UsageError("a\nb", hint="c\n  d")) == "a b (c d)"


def test_a_file_is_named_once() -> None:
    """The innermost file that knows of the problem is the one to open."""
    assert str(UsageError("found 3", field="x").in_file("b.yaml")) == "b.yaml: x: found 3"
    assert WHOLE.in_file("b.yaml") is WHOLE


def test_an_error_says_which_run_it_is_about():
    """A corner that can't be planned is named; place and hint stay."""
    error = UsageError("too many", file="a.yaml", line=3, field="rate", hint="less").in_run("fast")
    assert str(error) == "a.yaml:3: rate: in run fast: too many (less)"
