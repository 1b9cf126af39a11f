"""Rules of prometheus-adapter: what their queries make of the series, told by their text."""

from __future__ import annotations

import pytest

from scalecert.metrics.promql import parse
from scalecert.policy.rule_queries import RuleQuery, label_never_there, read_query

THERE = {"pod", "model_name"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", RuleQuery("", None, keeps_values=True)),
        ("sum(up)", RuleQuery("sum", None, keeps_values=True)),
        ("avg(up) or vector(0)", RuleQuery("avg", 0.0, keeps_values=True)),
        ("max(up) or vector(-1)", RuleQuery("max", -1.0, keeps_values=True)),
        ("sum(up) by (namespace) or on() vector(7)", RuleQuery("sum", 7.0, keeps_values=True)),
        ("sum(up) by (pod)", RuleQuery("", None, keeps_values=True)),
        ("avg(up) by (exported_pod)", RuleQuery("", None, keeps_values=True)),
        ("avg(up) by (hostname)", RuleQuery("", None, keeps_values=True)),
        ("avg(up) without (pod)", RuleQuery("", None, keeps_values=True)),
        ("count(up)", RuleQuery("count", None, keeps_values=False)),
        ("sum(rate(up[1m]))", RuleQuery("sum", None, keeps_values=False)),
        ("2 * sum(up)", RuleQuery("", None, keeps_values=False)),
        ("sum(up) or sum(down)", RuleQuery("", None, keeps_values=False)),
    ],
)
def test_the_shape_of_a_query(query, expected):
    """Aggregation over pods, fallback, and whether the series' unit and bounds hold for it."""
    assert read_query(parse(query)) == expected


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ('up{model="a"}', "model"),
        ('sum(rate(up{pod="a",model=~"a|b"}[1m])) or vector(0)', "model"),
        ('up{model_name="a"}', ""),
        ('up{model!="a"}', ""),
        ('up{model=~".*"}', ""),
        ('up{model=""}', ""),
        ('up + up{model="a"}', "model"),
        ('up or up{model="a"}', ""),
        ('up{model="a"} or up{tenant="a"}', "model"),
        ('up unless up{model="a"}', ""),
        ('up{model="a"} unless up', "model"),
        ('-clamp_min(up{model="a"}, 0)', "model"),
        ('other{model="a"}', ""),
    ],
)
def test_the_label_that_leaves_a_query_without_data(query, label):
    """A matcher that an empty value fails needs its label; operators decide what is then left."""
    labels = {"up": THERE}
    assert label_never_there(parse(query), lambda one: labels.get(one.name)) == label
