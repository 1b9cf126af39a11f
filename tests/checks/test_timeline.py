"""What checks read from the plan of a recording."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make_plan, make_policy

from scalecert.checks.timeline import behavior, rules


@pytest.mark.parametrize(
    "spec", [{}, {"behavior": None}, {"behavior": [1]}, {"behavior": {"scaleDown": [1]}}]
)
def test_a_behavior_that_is_none_has_no_rules(spec: dict[str, Any]):
    """A manifest may have none, and a recording from elsewhere anything in its place."""
    plan = make_plan(policy=make_policy(spec=spec))
    assert rules(plan, "scaleDown") == {}
    assert behavior(plan, "scaleDown", "stabilizationWindowSeconds") is None


def test_the_rules_are_those_of_the_manifest():
    """Numbers are seconds or pods, as written."""
    spec = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}
    plan = make_plan(policy=make_policy(spec=spec))
    assert behavior(plan, "scaleDown", "stabilizationWindowSeconds") == 60.0
