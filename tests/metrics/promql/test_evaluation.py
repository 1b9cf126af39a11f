"""Laws of evaluation, beside the differential test."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.metrics.promql import Element, EvaluationError, evaluate, parse
from scalecert.metrics.promql.arithmetic import ARITHMETIC
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

POINTS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(-50, 50), max_size=9
)
Points = dict[tuple[str, str], int]


def database_of(points: Points) -> TimeSeriesDatabase:
    database = TimeSeriesDatabase()
    for (pod, model), value in points.items():
        database.series({NAME_LABEL: "m", "pod": pod, "model": model}).append(1.0, float(value))
    return database


def answer(database: TimeSeriesDatabase, query: str, time: float = 1.0) -> list[Element]:
    value = evaluate(parse(query), database.at(time), time)
    assert isinstance(value, list)
    return value


def by_pod(elements: list[Element]) -> dict[str, float]:
    return {element.labels.get("pod", ""): element.value for element in elements}


@settings(derandomize=True, max_examples=100)
@given(POINTS)
def test_aggregations_are_those_of_each_group(points: Points) -> None:
    """sum, avg, min, max, count by pod equal what is computed by hand per pod."""
    groups = defaultdict(list)
    for (pod, _), value in points.items():
        groups[pod].append(value)
    database = database_of(points)
    for name, compute in {
        "sum": sum, "min": min, "max": max, "count": len, "avg": lambda v: sum(v) / len(v),
    }.items():  # fmt: skip
        expected = {pod: float(compute(values)) for pod, values in groups.items()}
        assert by_pod(answer(database, f"{name} by (pod) (m)")) == pytest.approx(expected)
        assert by_pod(answer(database, f"{name} without (model) (m)")) == pytest.approx(expected)


@settings(derandomize=True, max_examples=100)
@given(POINTS, st.integers(-50, 50))
def test_comparison_and_its_opposite_share_out_a_vector(points: Points, limit: int) -> None:
    """Every element passes exactly one of > and <=, and keeps its labels and value."""
    database = database_of(points)
    above, others = answer(database, f"m > {limit}"), answer(database, f"m <= {limit}")
    assert len(above) + len(others) == len(points)
    assert all(element.value > limit for element in above)
    kept = {(e.labels["pod"], e.labels["model"]): e.value for e in above + others}
    assert kept == points


@settings(derandomize=True, max_examples=60)
@given(POINTS, POINTS)
def test_or_is_the_left_side_and_what_only_the_right_has(left: Points, right: Points) -> None:
    """`or` has the keys of both sides, `and` of both at once, `unless` of the left alone."""
    database = database_of(left)
    for (pod, model), value in right.items():
        labels = {NAME_LABEL: "n", "pod": pod, "model": model}
        database.series(labels).append(1.0, float(value))

    def keys(query: str) -> dict[tuple[str, str], float]:
        return {(e.labels["pod"], e.labels["model"]): e.value for e in answer(database, query)}

    assert keys("m or n") == right | left
    assert keys("m and n") == {key: left[key] for key in left.keys() & right.keys()}
    assert keys("m unless n") == {key: left[key] for key in left.keys() - right.keys()}


@settings(derandomize=True, max_examples=60)
@given(POINTS)
def test_arithmetic_with_itself(points: Points) -> None:
    """m - m is zero for every element, paired by labels, the name gone."""
    found = answer(database_of(points), "m - m")
    assert [element.value for element in found] == [0.0] * len(points)
    assert not any(NAME_LABEL in element.labels for element in found)


def test_partner_must_be_one() -> None:
    """Pairing is one to one: two partners on either side are refused, as in Prometheus."""
    database = database_of({("a", "x"): 1, ("a", "y"): 2})
    for query in ("m / on (pod) sum by (pod) (m)", "sum by (pod) (m) / on (pod) m"):
        with pytest.raises(EvaluationError):
            answer(database, query)


def test_equal_labels_after_the_name_is_gone_are_refused() -> None:
    """A function over two names of equal labels has no answer."""
    database = TimeSeriesDatabase()
    for name in ("m", "n"):
        database.series({NAME_LABEL: name, "pod": "a"}).append(1.0, 1.0)
    with pytest.raises(EvaluationError, match="same labelset"):
        answer(database, '-{__name__=~"m|n"}')
    assert len(answer(database, 'last_over_time({__name__=~"m|n"}[1m])')) == 2


def test_range_excludes_its_start() -> None:
    """A sample exactly one range ago is outside, as in Prometheus 3."""
    database = TimeSeriesDatabase()
    series = database.series({NAME_LABEL: "m"})
    for time in (0.0, 30.0, 60.0):
        series.append(time, time)
    assert answer(database, "count_over_time(m[1m])", 60.0)[0].value == 2.0


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("/", 1.0, 0.0, math.inf),
        ("/", -1.0, 0.0, -math.inf),
        ("/", 1.0, -0.0, -math.inf),
        ("/", 0.0, 0.0, math.nan),
        ("%", -7.0, 4.0, -3.0),
        ("%", 7.0, 0.0, math.nan),
        ("^", 0.0, -1.0, math.inf),
        ("^", -8.0, 0.5, math.nan),
        ("^", 10.0, 400.0, math.inf),
        ("^", -10.0, 401.0, -math.inf),
    ],
)
def test_arithmetic_is_ieee(operator: str, left: float, right: float, expected: float) -> None:
    """Where Python raises, Go's floats have infinities and NaN."""
    assert ARITHMETIC[operator](left, right) == pytest.approx(expected, nan_ok=True)
