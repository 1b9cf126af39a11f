"""The subset answers as Prometheus does: a differential test against promtool."""

from __future__ import annotations

import pytest
from tests.metrics.promql import golden

from scalecert.metrics.promql import Element, evaluate, parse

QUERIES = sorted({case.query for case in golden.load()[1]})


@pytest.mark.parametrize("query", QUERIES)
def test_query_answers_as_prometheus(query: str) -> None:
    """Every golden query gives Prometheus' samples at every time, to a relative 1e-12."""
    database, cases = golden.load()
    for case in cases:
        if case.query != query:
            continue
        answer = evaluate(parse(query), database.at(case.time), case.time)
        elements = answer if isinstance(answer, list) else [Element({}, answer)]
        found = {frozenset(one.labels.items()): one.value for one in elements}
        assert len(found) == len(elements)
        assert found == pytest.approx(case.samples, rel=1e-12, abs=1e-15), case.time


def test_golden_file_is_not_empty() -> None:
    """The differential test has hundreds of cases, with answers in most of them."""
    _, cases = golden.load()
    assert len(cases) > 350
    assert sum(bool(case.samples) for case in cases) > 300
