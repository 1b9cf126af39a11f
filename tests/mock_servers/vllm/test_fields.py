"""Fields of requests are read as pydantic's lax mode reads them, and refused in its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mock_servers.vllm.fields import (
    Fields,
    WrongValueError,
    boolean,
    bounded,
    integer,
    number,
    one_of,
    text,
)
from mock_servers.vllm.refusals import RefusalError


@pytest.mark.parametrize(
    ("convert", "value", "read"),
    [
        (integer, 3, 3), (integer, 3.0, 3), (integer, " 3 ", 3), (integer, "-3.0", -3),
        (integer, True, 1), (integer, 10**30, 10**30),
        (number, 1, 1.0), (number, "1e3", 1000.0), (number, False, 0.0),
        (boolean, 1, True), (boolean, 0.0, False), (boolean, "Yes", True), (boolean, "off", False),
        (text, "", ""), (one_of("left", "right"), "left", "left"), (bounded(-1), -1, -1),
    ],
)  # fmt: skip
def test_values_that_fit_are_taken(
    convert: Callable[[object], object], value: object, read: object
) -> None:
    """Numbers as words, whole numbers with a point, words for yes and no."""
    assert convert(value) == read


@pytest.mark.parametrize(
    ("convert", "value", "kind"),
    [
        (integer, 1.5, "int_from_float"), (integer, "x", "int_parsing"),
        (integer, None, "int_type"),
        (integer, "1.5", "int_parsing"), (integer, 1e30, "int_parsing_size"),
        (integer, float("inf"), "finite_number"),
        (number, "x", "float_parsing"), (number, [1], "float_type"),
        (boolean, 2, "bool_parsing"), (boolean, "x", "bool_parsing"), (boolean, [], "bool_type"),
        (text, 5, "string_type"), (one_of("left", "right"), "x", "literal_error"),
        (bounded(0), -1, "greater_than_equal"), (bounded(0, 5), 6, "less_than_equal"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(
    convert: Callable[[object], object], value: object, kind: str
) -> None:
    """Each with pydantic's name of the problem."""
    with pytest.raises(WrongValueError) as wrong:
        convert(value)
    assert wrong.value.kind == kind


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Ten problems at most, and the first one's place as the parameter."""
    fields = Fields({"ids": ["x"] * 12, "most": "y"})
    assert fields.listed("ids", integer) == []
    assert fields.maybe("most", integer) is None
    with pytest.raises(RefusalError) as refused:
        fields.refuse()
    error = refused.value.error
    assert error["param"] == "body.ids.0"
    message = str(error["message"])
    assert message.startswith("13 validation errors:\n  {'type': 'int_parsing'")
    assert message.endswith("...and 3 more errors")


def test_long_values_are_not_told_whole() -> None:
    """A client is not sent back what it sent."""
    fields = Fields({"model": "m", "prompt": ["x" * 10_000]})
    fields.listed("prompt", integer)
    with pytest.raises(RefusalError) as refused:
        fields.refuse()
    assert len(refused.value.body()) < 500
    assert b"...[truncated]" in refused.value.body()


def test_paths_are_not_told() -> None:
    """Messages hide files of the server."""
    said = RefusalError("in /usr/lib/python3/vllm/model.py at 0x7f00aa>: no").error["message"]
    assert said == "in <path>>: no"
