"""The subset of PromQL that adapter rules are written in (docs/reference/promql.md)."""

from __future__ import annotations

from scalecert.metrics.promql.evaluation import EvaluationError, evaluate
from scalecert.metrics.promql.parser import parse
from scalecert.metrics.promql.reach import reach_seconds, selectors
from scalecert.metrics.promql.syntax import Element, Expression, PromqlError

__all__ = [
    "Element",
    "EvaluationError",
    "Expression",
    "PromqlError",
    "evaluate",
    "parse",
    "reach_seconds",
    "selectors",
]
