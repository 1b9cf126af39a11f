"""Relabelling, by the examples of Prometheus' documentation."""

from __future__ import annotations

import re

import pytest

from scalecert.metrics.relabel import RelabelRule, expand, relabel

LABELS = {"__name__": "m", "a": "x1", "b": "y2"}


def rule(**fields: object) -> RelabelRule:
    return RelabelRule(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (rule(source_labels=("a",), target_label="c"), LABELS | {"c": "x1"}),
        (
            rule(source_labels=("a", "b"), regex="x(.);y(.)", target_label="c",
                 replacement="$2-$1"),
            LABELS | {"c": "2-1"},
        ),
        (rule(source_labels=("a",), regex="x", target_label="c"), LABELS),
        (rule(source_labels=("nope",), target_label="a"), {"__name__": "m", "b": "y2"}),
        (rule(action="keep", source_labels=("a",), regex="x.*"), LABELS),
        (rule(action="Keep", source_labels=("a",), regex="x"), None),
        (rule(action="drop", source_labels=("a",), regex="x.*"), None),
        (rule(action="labeldrop", regex="[ab]"), {"__name__": "m"}),
        (rule(action="labelkeep", regex="__name__|a"), {"__name__": "m", "a": "x1"}),
        (rule(action="labelmap", regex="([ab])", replacement="k_$1"),
         LABELS | {"k_a": "x1", "k_b": "y2"}),
        (rule(action="uppercase", source_labels=("a",), target_label="a"), LABELS | {"a": "X1"}),
        (rule(action="lowercase", source_labels=("a",), target_label="d"), LABELS | {"d": "x1"}),
    ],
)  # fmt: skip
def test_actions(one: RelabelRule, expected: dict[str, str] | None) -> None:
    """Each action does what Prometheus' `relabel_config` says; regexes match whole values."""
    assert relabel(LABELS, [one]) == expected


def test_rules_apply_in_turn() -> None:
    """A rule sees what the one before it made."""
    rules = [
        rule(source_labels=("a",), target_label="c"),
        rule(action="drop", source_labels=("c",), regex="x1"),
    ]
    assert relabel(LABELS, rules) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [("$1", "x"), ("${1}_s", "x_s"), ("$1_s", ""), ("$$1", "$1"), ("${n}", "y"), ("$9", "")],
)
def test_replacements_are_go_s(template: str, expected: str) -> None:
    """`$1_s` is the group named 1_s, as in Go, and a group that is not there is empty."""
    match = re.fullmatch("(x)(?P<n>y)", "xy")
    assert match is not None
    assert expand(template, match) == expected


@pytest.mark.parametrize("one", [rule(action="hashmod"), rule(regex="(")])
def test_rules_outside_of_the_subset_have_a_problem(one: RelabelRule) -> None:
    """An unknown action or an invalid regex is described."""
    assert "found" in (one.problem() or "")
    assert rule().problem() is None
