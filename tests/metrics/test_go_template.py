"""Templates of adapter rules."""

from __future__ import annotations

import pytest

from scalecert.metrics.go_template import Template

FIELDS = ("Series", "ByName", "Slice")
VALUES = {"Series": "m", "ByName": {"namespace": "prod"}, "Slice": ["pod"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(<<.Series>>)", "sum(m)"),
        ("<< .Series >><<.Series>>", "mm"),
        ('<<index .ByName "namespace">>', "prod"),
        ("<<.ByName.namespace>>", "prod"),
        ('<<index .ByName "absent">>|', "|"),
        ("<<index .Slice 0>>,<<index .Slice 7>>", "pod,"),
        ("a << b", "a << b"),
    ],
)
def test_render(text: str, expected: str) -> None:
    """Fields, keys and items are put in; what is missing is empty."""
    assert Template.parse(text, FIELDS).render(VALUES) == expected


@pytest.mark.parametrize("text", ["<<.Other>>", "<<range .Slice>>", "<<if .Series>>x<<end>>"])
def test_other_actions_are_named(text: str) -> None:
    """An action outside of the subset is refused by its text."""
    with pytest.raises(ValueError, match="found the template action <<"):
        Template.parse(text, FIELDS)
