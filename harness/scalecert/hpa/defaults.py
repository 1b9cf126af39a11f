"""What the API server fills into an HPA that leaves it out (apis/autoscaling/v2/defaults.go)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from scalecert.hpa.types import (
    HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec,
    HPAScalingPolicy,
    HPAScalingPolicyType,
    HPAScalingRules,
    MetricSourceType,
    MetricSpec,
    MetricTarget,
    MetricTargetType,
    ResourceMetricSource,
    ScalingPolicySelect,
)

DEFAULT_MIN_REPLICAS: Final = 1
DEFAULT_CPU_UTILIZATION_PERCENT: Final = 80

DEFAULT_METRICS: Final = (
    MetricSpec(
        type=MetricSourceType.RESOURCE,
        resource=ResourceMetricSource(
            name="cpu",
            target=MetricTarget(
                type=MetricTargetType.UTILIZATION,
                average_utilization=DEFAULT_CPU_UTILIZATION_PERCENT,
            ),
        ),
    ),
)

DEFAULT_SCALE_UP_RULES: Final = HPAScalingRules(
    stabilization_window_seconds=0,
    select_policy=ScalingPolicySelect.MAX,
    policies=(
        HPAScalingPolicy(type=HPAScalingPolicyType.PODS, value=4, period_seconds=15),
        HPAScalingPolicy(type=HPAScalingPolicyType.PERCENT, value=100, period_seconds=15),
    ),
)

# No window: the controller's --horizontal-pod-autoscaler-downscale-stabilization fills it in.
DEFAULT_SCALE_DOWN_RULES: Final = HPAScalingRules(
    select_policy=ScalingPolicySelect.MAX,
    policies=(HPAScalingPolicy(type=HPAScalingPolicyType.PERCENT, value=100, period_seconds=15),),
)


def set_defaults_horizontal_pod_autoscaler(
    spec: HorizontalPodAutoscalerSpec,
) -> HorizontalPodAutoscalerSpec:
    """Return the spec as the API server would store it."""
    return replace(
        spec,
        min_replicas=DEFAULT_MIN_REPLICAS if spec.min_replicas is None else spec.min_replicas,
        metrics=spec.metrics or DEFAULT_METRICS,
        behavior=set_defaults_horizontal_pod_autoscaler_behavior(spec.behavior),
    )


def set_defaults_horizontal_pod_autoscaler_behavior(
    behavior: HorizontalPodAutoscalerBehavior | None,
) -> HorizontalPodAutoscalerBehavior | None:
    """Return the behavior with both directions' rules; None stays None."""
    if behavior is None:
        return None
    return HorizontalPodAutoscalerBehavior(
        scale_up=generate_hpa_scale_up_rules(behavior.scale_up),
        scale_down=generate_hpa_scale_down_rules(behavior.scale_down),
    )


def generate_hpa_scale_up_rules(rules: HPAScalingRules | None) -> HPAScalingRules:
    """Return the rules over the defaults for scaling up, field by field."""
    return copy_hpa_scaling_rules(rules, DEFAULT_SCALE_UP_RULES)


def generate_hpa_scale_down_rules(rules: HPAScalingRules | None) -> HPAScalingRules:
    """Return the rules over the defaults for scaling down; the window may stay None."""
    return copy_hpa_scaling_rules(rules, DEFAULT_SCALE_DOWN_RULES)


def copy_hpa_scaling_rules(rules: HPAScalingRules | None, onto: HPAScalingRules) -> HPAScalingRules:
    """Return `onto` with the fields that `rules` sets; a list of policies replaces the list."""
    if rules is None:
        return onto
    given = {name: getattr(rules, name) for name in rules.__struct_fields__}
    return replace(onto, **{name: value for name, value in given.items() if value is not None})
