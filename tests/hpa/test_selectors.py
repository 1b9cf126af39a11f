"""Label selectors in both forms."""

from __future__ import annotations

import pytest

from scalecert.hpa.selectors import (
    EVERYTHING,
    SelectorError,
    label_selector_as_selector,
    parse_selector,
)
from scalecert.hpa.types import LabelSelector, LabelSelectorRequirement


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("app=web", {"app": "web"}, {"app": "db"}),
        ("app==web,tier!=a", {"app": "web"}, {"app": "web", "tier": "a"}),
        ("tier in (a, b)", {"tier": "b"}, {}),
        ("tier notin (a)", {}, {"tier": "a"}),
        ("tier in (a,,)", {"tier": ""}, {"tier": "b"}),
        ("tier in ()", {"tier": ""}, {}),
        ("canary", {"canary": ""}, {}),
        ("!canary", {}, {"canary": "x"}),
        ("in in (in)", {"in": "in"}, {"in": "out"}),
        ("rank>3", {"rank": "4"}, {"rank": "3"}),
        ("rank<3", {"rank": "-4"}, {"rank": "x"}),
        ("app=", {"app": ""}, {"app": "web"}),
        ("example.com/app=web", {"example.com/app": "web"}, {"app": "web"}),
        ("", {"app": "web"}, None),
    ],
)
def test_text_form(text: str, matching: dict[str, str], other: dict[str, str] | None) -> None:
    """A selector selects what it says, and its own text selects the same."""
    for selector in (parse_selector(text), parse_selector(str(parse_selector(text)))):
        assert selector.matches(matching)
        assert other is None or not selector.matches(other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app in (web", "found '', expected: ',' or '\\)'"),
        ("=web,,x!!", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("app web", "found 'web', expected: in, notin"),
        ("app in web", "found 'web' expected: '\\('"),
        ("app=(", "found '\\(', expected: identifier"),
        ("!=a", "found '!=', expected"),
        ("!,", "found ',', expected: identifier"),
        ("app!=a b", "found 'b', expected: ',' or 'end of string'"),
        ("rank>x", "must be an integer"),
        ("-app=web", "not a label key"),
        ("app=-web", "not a label value"),
        (f"{'a' * 64}=web", "not a label key"),
    ],
)
def test_bad_text_says_what_was_found(text: str, found: str) -> None:
    """A text that is no selector is an error that shows the place."""
    with pytest.raises(SelectorError, match=found):
        parse_selector(text)


def requirement(key: str, operator: str, *values: str) -> LabelSelector:
    return LabelSelector(match_expressions=(LabelSelectorRequirement(key, operator, values),))


def test_structured_form() -> None:
    """Labels and expressions must all hold; the text is sorted by key."""
    selector = label_selector_as_selector(
        LabelSelector({"q": "a"}, (LabelSelectorRequirement("b", "NotIn", ("y", "x")),))
    )
    assert str(selector) == "b notin (x,y),q=a"
    assert selector.matches({"q": "a", "b": "z"})
    assert not selector.matches({"q": "a", "b": "x"})
    assert label_selector_as_selector(requirement("b", "Exists")).matches({"b": ""})
    assert label_selector_as_selector(requirement("b", "DoesNotExist")).matches({})


def test_no_selector_and_an_empty_one_restrict_nothing() -> None:
    """A metrics API sees an empty text for both."""
    assert label_selector_as_selector(None) == EVERYTHING
    assert label_selector_as_selector(LabelSelector()) == EVERYTHING


@pytest.mark.parametrize(
    "bad",
    [
        requirement("q", "Bogus"),
        requirement("q", "In"),
        requirement("q", "Exists", "a"),
        LabelSelector({"-q": "a"}),
        LabelSelector({"q": "a b"}),
    ],
)
def test_bad_structures_are_refused(bad: LabelSelector) -> None:
    """Unknown operators and values that don't go with them are errors."""
    with pytest.raises(SelectorError):
        label_selector_as_selector(bad)


def test_text_of_structured_selectors_in_messages() -> None:
    """Messages show a selector as Go prints it, with labels sorted."""
    selector = LabelSelector(
        {"b": "1", "a": "2"}, (LabelSelectorRequirement("k", "In", ("x", "y")),)
    )
    assert str(selector) == (
        "&LabelSelector{MatchLabels:map[string]string{a: 2,b: 1,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}"
    )
