"""The HorizontalPodAutoscaler (autoscaling/v2) of Kubernetes 1.36.3 in plain Python.

A port of pkg/controller/podautoscaler: modules and functions carry upstream's names, and recorded
runs of the real controller are reproduced field by field (tools/replay_hpa.py). It is pure: the
caller gives the time, keeps the status between syncs, and applies the outcome.

Units: every time is an integer number of **milliseconds** of the caller's clock (any epoch; fields
end in `_ms`), flags and windows are seconds, metric values, targets and requests are int64
**milli-units** (memory: milli-bytes).

Reading order: `types`, `defaults`, `validation` (the document), `horizontal` (one sync),
`metrics_computation` and `metric_computation` (metrics to proposals), `replica_calculator` (the
arithmetic), `behavior` (windows and rate limits).

A sync, every 15 s:

    >>> spec = decode_spec({
    ...     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "vllm"},
    ...     "maxReplicas": 8,
    ...     "metrics": [{
    ...         "type": "Pods",
    ...         "pods": {
    ...             "metric": {"name": "vllm:num_requests_waiting"},
    ...             "target": {"type": "AverageValue", "averageValue": "5"},
    ...         },
    ...     }],
    ... })
    >>> validate_horizontal_pod_autoscaler_spec(spec)
    []
    >>> spec = set_defaults_horizontal_pod_autoscaler(spec)
    >>> class Waiting:  # the metrics APIs, as far as this HPA asks
    ...     def list_custom_metric(self, metric_name, namespace, selector, metric_selector):
    ...         return [MetricValue("vllm-0", 17_000, timestamp_ms=10_000)]
    >>> controller = HorizontalController()
    >>> outcome = controller.reconcile(
    ...     "default/vllm",
    ...     spec,
    ...     HorizontalPodAutoscalerStatus(),
    ...     Scale(spec_replicas=1, status_replicas=1, selector="app=vllm"),
    ...     pods=[Pod(name="vllm-0", labels={"app": "vllm"})],
    ...     metrics=RestMetricsClient(Waiting()),
    ...     now_ms=15_000,
    ... )
    >>> outcome.replicas, outcome.status.desired_replicas
    (4, 4)
    >>> [event.message for event in outcome.events]
    ['New size: 4; reason: pods metric vllm:num_requests_waiting above target']
    >>> outcome.proposals[0].value("AverageValue")
    17.0

The next sync takes `outcome.status`. `outcome.replicas` is None where the target is left alone.
"""

from __future__ import annotations

from scalecert.hpa.conditions import Event, EventType
from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.memory import ControllerMemory
from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    ExternalMetricValue,
    MetricsApi,
    MetricValue,
    PodMetrics,
    RestMetricsClient,
)
from scalecert.hpa.metrics.interfaces import MetricsClient, MetricsError, PodMetric
from scalecert.hpa.pods import Container, Pod, PodPhase, PodSpec, ReadyCondition
from scalecert.hpa.quantity import Quantity, parse_quantity
from scalecert.hpa.quantity_parser import QuantityError
from scalecert.hpa.status import (
    ConditionType,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
)
from scalecert.hpa.sync import (
    ActionLabel,
    ApiFaults,
    ErrorLabel,
    MetricProposal,
    Scale,
    SyncOutcome,
    SyncTimes,
)
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, decode_spec
from scalecert.hpa.validation import FieldError, validate_horizontal_pod_autoscaler_spec

__all__ = [
    "ActionLabel",
    "ApiFaults",
    "ConditionType",
    "Container",
    "ContainerMetrics",
    "ControllerMemory",
    "ErrorLabel",
    "Event",
    "EventType",
    "ExternalMetricValue",
    "FieldError",
    "HorizontalController",
    "HorizontalControllerConfig",
    "HorizontalPodAutoscalerCondition",
    "HorizontalPodAutoscalerSpec",
    "HorizontalPodAutoscalerStatus",
    "MetricProposal",
    "MetricValue",
    "MetricsApi",
    "MetricsClient",
    "MetricsError",
    "Pod",
    "PodMetric",
    "PodMetrics",
    "PodPhase",
    "PodSpec",
    "Quantity",
    "QuantityError",
    "ReadyCondition",
    "RestMetricsClient",
    "Scale",
    "SyncOutcome",
    "SyncTimes",
    "decode_spec",
    "parse_quantity",
    "set_defaults_horizontal_pod_autoscaler",
    "validate_horizontal_pod_autoscaler_spec",
]
