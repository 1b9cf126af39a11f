"""What the API server fills in."""

from __future__ import annotations

from scalecert.hpa.defaults import (
    DEFAULT_SCALE_DOWN_RULES,
    DEFAULT_SCALE_UP_RULES,
    set_defaults_horizontal_pod_autoscaler,
)
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, decode_spec


def completed(**fields: object) -> HorizontalPodAutoscalerSpec:
    return set_defaults_horizontal_pod_autoscaler(decode_spec({"maxReplicas": 3, **fields}))


def test_one_replica_and_eighty_percent_of_cpu() -> None:
    """Without minReplicas and metrics: 1, and CPU utilization 80 %."""
    spec = completed()
    assert spec.min_replicas == 1
    assert [metric.type for metric in spec.metrics] == ["Resource"]
    assert spec.metrics[0].resource is not None
    assert spec.metrics[0].resource.name == "cpu"
    assert spec.metrics[0].resource.target.average_utilization == 80


def test_no_behavior_stays_none() -> None:
    """Without behavior the controller's older rules hold: nothing is filled in."""
    assert completed().behavior is None


def test_empty_behavior_gets_all_rules() -> None:
    """With behavior, both directions have policies; only the window for scaling down is left."""
    behavior = completed(behavior={}).behavior
    assert behavior is not None
    assert behavior.scale_up == DEFAULT_SCALE_UP_RULES
    assert behavior.scale_down == DEFAULT_SCALE_DOWN_RULES
    assert DEFAULT_SCALE_UP_RULES.stabilization_window_seconds == 0
    assert DEFAULT_SCALE_DOWN_RULES.stabilization_window_seconds is None
    policies = [(p.type, p.value, p.period_seconds) for p in DEFAULT_SCALE_UP_RULES.policies or ()]
    assert policies == [("Pods", 4, 15), ("Percent", 100, 15)]


def test_rules_are_completed_field_by_field() -> None:
    """What is given stays; a list of policies replaces the default list, an empty one too."""
    behavior = completed(
        behavior={
            "scaleUp": {"policies": [], "tolerance": "0.2"},
            "scaleDown": {"selectPolicy": "Disabled"},
        }
    ).behavior
    assert behavior is not None
    assert behavior.scale_up is not None
    assert behavior.scale_up.policies == ()
    assert behavior.scale_up.select_policy == "Max"
    assert str(behavior.scale_up.tolerance) == "200m"
    assert behavior.scale_down is not None
    assert behavior.scale_down.select_policy == "Disabled"
    assert behavior.scale_down.policies == DEFAULT_SCALE_DOWN_RULES.policies
