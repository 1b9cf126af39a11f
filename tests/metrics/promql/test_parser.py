"""PromQL text to expressions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.metrics.promql import PromqlError, parse, reach_seconds, selectors
from scalecert.metrics.promql.signatures import AGGREGATIONS, COMPARISONS, FUNCTIONS
from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    RangeSelector,
    VectorSelector,
)
from scalecert.metrics.tsdb import NAME_LABEL, Matcher

NAMES = st.sampled_from(["vllm:num_requests_running", "up", "m_total"])
LABELS = st.sampled_from(["pod", "namespace", "le", "model_name"])
VALUES = st.sampled_from(["", "a", "a|b", 'q"'])
MATCHERS = st.builds(Matcher, LABELS, st.sampled_from(["=", "!=", "=~", "!~"]), VALUES)
SELECTORS = st.builds(
    lambda name, matchers, offset: VectorSelector((name, *matchers), offset),
    NAMES.map(lambda name: Matcher(NAME_LABEL, "=", name)),
    st.lists(MATCHERS, max_size=3),
    st.sampled_from([0.0, 30.0, 1.5]),
)
RANGES = st.builds(RangeSelector, SELECTORS, st.sampled_from([60.0, 300.0, 0.5]))
NUMBERS = st.builds(Number, st.floats(min_value=-1e6, max_value=1e6))
OF_RANGE = [name for name, one in FUNCTIONS.items() if one.arguments == ("range vector",)]
GROUPING = st.lists(LABELS, unique=True, max_size=2).map(tuple)


def _vectors(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    matching = st.none() | st.builds(Matching, st.booleans(), GROUPING)
    return st.one_of(
        st.builds(Aggregation, st.sampled_from(AGGREGATIONS), inner, GROUPING, st.booleans()),
        st.builds(Binary, st.sampled_from(["+", "/", "^", "or", "and"]), inner, inner, matching),
        st.builds(Binary, st.sampled_from(COMPARISONS), inner, NUMBERS, st.none(), st.booleans()),
        st.builds(Negation, inner),
        st.builds(lambda v, n: Call("clamp_min", (v, n)), inner, NUMBERS),
        st.builds(lambda n, v: Call("histogram_quantile", (n, v)), NUMBERS, inner),
    )


BASE = SELECTORS | st.builds(
    lambda name, window: Call(name, (window,)), st.sampled_from(OF_RANGE), RANGES
)
EXPRESSIONS = st.recursive(BASE, _vectors, max_leaves=6)


@settings(derandomize=True, max_examples=100)
@given(EXPRESSIONS)
def test_written_expression_parses_to_itself(expression: Expression) -> None:
    """Writing an expression and parsing the text gives the expression back."""
    assert parse(str(expression)) == expression


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 + 2 * 3 ^ 4 ^ 5 > bool 6", "(1 + (2 * (3 ^ (4 ^ 5)))) > bool 6"),
        ("a - b - c", "(a - b) - c"),
        ("a or b and c unless d", "a or ((b and c) unless d)"),
        ("a == b + c or d", "(a == (b + c)) or d"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a) * b"),
        ("sum by (pod) (a)", "sum(a) by (pod)"),
        ("sum by (pod,) (a)", "sum by (pod) (a)"),
        ("a{pod='x'}", 'a{pod="x"}'),
        ("a{pod=`x`}", 'a{pod="x"}'),
        ("a # comment\n + b", "a + b"),
        ("rate(a[1m30s])", "rate(a[90s])"),
        ("a offset 1h", "a offset 3600s"),
        ("+a", "a"),
        ("vector(0x10)", "vector(16)"),
        ("vector(1e3)", "vector(1000)"),
        ("vector(.5)", "vector(0.5)"),
    ],
)
def test_equal_queries(text: str, same: str) -> None:
    """Precedence, associativity, spelling and units as in Prometheus."""
    assert parse(text) == parse(same)


def test_constants() -> None:
    """Inf and NaN are numbers, in any case."""
    assert parse("Inf") == Number(math.inf)
    assert parse("-inf") == Number(-math.inf)
    nan = parse("NaN")
    assert isinstance(nan, Number)
    assert math.isnan(nan.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate(a[5m:1m])", "subqueries"),
        ("a @ 0", "the @ modifier"),
        ("a * on (pod) group_left b", "group_left"),
        ("topk(1, a)", "the aggregation topk"),
        ("quantile(0.5, a)", "the aggregation quantile"),
        ("absent(a)", r"the function absent\(\)"),
        ('label_replace(a, "b", "c", "d", "e")', r"the function label_replace\(\)"),
        ('{"quoted"}', "quoted names"),
        ("rate(a)", "found a vector in rate"),
        ("sum(a[5m])", "found a range vector in sum"),
        ("a[5m]", "found a range vector"),
        ("a[5m] + b", "found a range vector beside"),
        ("-a[5m]", "found a range vector after a sign"),
        ("histogram_quantile(a)", "found 1 arguments"),
        ("histogram_quantile(a, b)", "found a vector in histogram_quantile"),
        ("sum(1)", "found a scalar in sum"),
        ("1 or a", "found a scalar beside 'or'"),
        ("1 == 1", "expected == bool"),
        ("a + bool b", "found bool after"),
        ("1 + on (pod) a", "beside a scalar"),
        ("{}", "matches every series"),
        ('{pod=~".*"}', "matches every series"),
        ('{pod=~"("}', "invalid"),
        ("a[0s]", "a range of zero"),
        ("a offset -5m", "expected a duration"),
        ("sum(a) offset 5m", "expected it after a selector"),
        ("(a + b)[5m]", "expected it after a selector"),
        ("a b", "expected an operator"),
        ("sum(", "found end of query"),
        ("", "found end of query"),
        ("a ? b", "found '\\?' at character 3"),
        ('a{pod="\\q"}', "escape sequence"),
        ("a{pod}", "expected a matcher"),
        ('"text"', "strings are not supported"),
        ("(" * 150 + "a" + ")" * 150, "nested deeper"),
        ("a" + " + a" * 600, "more than 500 words"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What is no PromQL or outside of the subset is refused by its name."""
    with pytest.raises(PromqlError, match=message):
        parse(text)


def test_reach_is_the_longest_look_back() -> None:
    """A query reaches back its ranges and offsets, and five minutes for an instant selector."""
    assert reach_seconds(parse("rate(a[10m] offset 5m) + b offset 1m")) == 900.0
    assert reach_seconds(parse("rate(a[1m])")) == 300.0
    names = [one.name for one in selectors(parse("rate(a[10m]) / on (pod) sum(b) by (pod)"))]
    assert names == ["a", "b"]
