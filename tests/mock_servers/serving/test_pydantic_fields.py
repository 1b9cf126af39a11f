"""Fields of requests are read as pydantic's lax mode reads them, and refused in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_servers.serving.pydantic_fields import (
    Fields,
    WrongValueError,
    boolean,
    bounded,
    integer,
    number,
    one_of,
    text,
)

VALUES = (
    None, True, False, [], {}, 0, 1, 2, -1, 3, 2**63 - 1, 2**63, 10**30, 10**400,
    0.0, -0.0, 1.0, 0.5, 1.5, 3.0, 5e18, 2.0**63, 1e30, float("inf"), float("-inf"),
    "", "x", " 3 ", "\n3\t", "+5", "- 3", "-3.0", "3.", "3.00", "3.01", "3 .0", ".0", "1e3",
    "1,000", "1_000", "1__0", "_1", "1_", "00012", "0x10", "1.5", " 1.5 ", "inf",
    "\uff11\uff12", "\u0663", "9" * 4300, "9" * 4301, "Yes", "off", "TRUE", " yes", "2", "\uff39es",
)  # fmt: skip


def found(convert: Callable[[object], object], value: object) -> tuple[str, object]:
    """Return what is read of a value, or what is wrong with it."""
    try:
        return "read", convert(value)
    except WrongValueError as wrong:
        return wrong.kind, wrong.message


@pytest.mark.parametrize(
    ("convert", "kind"), [(integer, int), (number, float), (boolean, bool), (text, str)]
)
def test_values_are_read_as_pydantic_reads_them(
    convert: Callable[[object], object], kind: type
) -> None:
    """What is taken, as what, and what is said of the rest: the library itself is asked."""
    pydantic = pytest.importorskip("pydantic")
    validate = pydantic.TypeAdapter(kind).validate_python

    def expected(value: object) -> tuple[str, Any]:
        try:
            return "read", validate(value)
        except pydantic.ValidationError as error:
            (problem,) = error.errors()
            return problem["type"], problem["msg"]

    assert [found(convert, value) for value in VALUES] == [expected(value) for value in VALUES]


@pytest.mark.parametrize(
    ("convert", "value", "kind"),
    [
        (one_of("left", "right"), "left", "read"),
        (one_of("left", "right"), "x", "literal_error"),
        (bounded(-1), -1, "read"),
        (bounded(0), -1, "greater_than_equal"),
        (bounded(0, 5), 6, "less_than_equal"),
    ],
)
def test_values_are_bounded(convert: Callable[[object], object], value: object, kind: str) -> None:
    """Each bound with pydantic's name of the problem."""
    assert found(convert, value)[0] == kind


def test_all_that_is_wrong_is_noted_with_its_place() -> None:
    """Fields that lack, lists' items, objects within: in the order in which they are read."""
    fields = Fields({"ids": [1, "x"], "metadata": {"start": []}, "list": None, "more": 1})
    assert fields.listed("ids", integer) == [1]
    inner = fields.inner("metadata")
    assert inner is not None
    inner.maybe("start", number)
    assert fields.listed("list", integer, required=True) == []
    assert fields.required("most", integer, 7) == 7
    fields.forbid_others("ids", "metadata", "list", "most")
    assert [(problem.wrong.kind, problem.place) for problem in fields.problems] == [
        ("int_parsing", ("body", "ids", 1)),
        ("float_type", ("body", "metadata", "start")),
        ("list_type", ("body", "list")),
        ("missing", ("body", "most")),
        ("extra_forbidden", ("body", "more")),
    ]


def test_no_more_is_looked_for_where_a_thousand_things_are_wrong() -> None:
    """A list of a million wrong items costs neither the time nor the memory of telling so."""
    fields = Fields({"ids": ["x"] * 2000, "stop": ["x"] * 10})
    assert not fields.full
    assert fields.listed("ids", integer) == []
    assert fields.full
    assert fields.listed("stop", text) == []
    fields.forbid_others()
    assert len(fields.problems) == 1000


@pytest.mark.parametrize(("body", "kind"), [(None, "missing"), ([1], "model_attributes_type")])
def test_a_body_has_to_be_an_object(body: object, kind: str) -> None:
    """None at all is missing; anything else is no object."""
    (problem,) = Fields.of_body(body).problems
    assert (problem.wrong.kind, problem.place) == (kind, ("body",))
