"""Requests of custom-metrics-stackdriver-adapter to Cloud Monitoring (`projects.timeSeries.list`).

A port of its query builder (pkg/adapter/translator/query_builder.go and utils/filter_builder.go)
for the new resource model, which is what GKE's guides install. `StackdriverAdapter` makes them,
`CloudMonitoring` answers them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.gke.names import PREFIX

REQUEST_WINDOW_SECONDS = 300.0
"""How far back a request reaches; fixed in the adapter's `main` (adapter.go), no flag sets it."""

RATE_ALIGNMENT_SECONDS = 60.0
"""Alignment period of cumulative and delta metrics, fixed in the adapter's `main` too."""

MAX_PODS_PER_REQUEST = 100
"""What `one_of()` takes (`MaxNumOfArgsInOneOfFilter`); more pods make more requests."""

ConditionOperator = Literal["=", "!=", "one_of", "not one_of", "has", ">", "<"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One term of a monitoring filter: `field` is `metric.labels.pod`, `resource.type`, ...

    With `has`, `field` is the map (`metric.labels`) and the only value the label's name.
    """

    field: str
    operator: ConditionOperator
    values: tuple[str, ...]

    def __str__(self) -> str:
        value = self.values[0]
        if self.operator == "has":
            return f"{self.field} : {value}"
        if self.operator in (">", "<"):
            return f"{self.field} {self.operator} {int(value)}"
        if self.operator in ("=", "!="):
            return f"{self.field} {self.operator} {_quote(value)}"
        negation = "NOT " if self.operator == "not one_of" else ""
        return f"{negation}{self.field} = one_of({','.join(map(_quote, self.values))})"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def one_of(field: str, values: Sequence[str], *, negative: bool = False) -> Condition:
    """Return the condition that a field has, or has not, one of the values."""
    if len(values) == 1:
        return Condition(field, "!=" if negative else "=", tuple(values))
    return Condition(field, "not one_of" if negative else "one_of", tuple(values))


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What Cloud Monitoring says of a metric type.

    `metric_kind` is `GAUGE`, `CUMULATIVE` or `DELTA`, `value_type` `DOUBLE`, `DISTRIBUTION`, ...
    """

    metric_kind: str
    value_type: str


@dataclass(frozen=True, slots=True)
class TimeSeriesRequest:
    """One request; conditions must all hold, points lie in (start, end].

    `reducer` is empty without a cross-series reducer. Times are in seconds of the run.
    """

    project: str
    conditions: tuple[Condition, ...]
    aligner: str
    alignment_seconds: float
    reducer: str
    start_seconds: float
    end_seconds: float

    @property
    def filter(self) -> str:
        """The conditions as the text that goes over the wire."""
        return " AND ".join(map(str, self.conditions))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the adapter runs, as the metadata server tells it (pkg/config/gce_config.go)."""

    project: str = "project"
    location: str = "location"
    name: str = "cluster"


@dataclass(frozen=True, slots=True)
class Schema:
    """A monitored resource and the fields that say cluster, namespace and pod."""

    resource_type: str
    cluster: str
    namespace: str
    pod: str


PROMETHEUS_TARGET = Schema(
    "prometheus_target",
    "resource.labels.cluster",
    "resource.labels.namespace",
    "metric.labels.pod",
)
K8S_POD = Schema(
    "k8s_pod",
    "resource.labels.cluster_name",
    "resource.labels.namespace_name",
    "resource.labels.pod_name",
)
K8S_CONTAINER = Schema("k8s_container", K8S_POD.cluster, K8S_POD.namespace, K8S_POD.pod)


def schema_of(metric_type: str) -> Schema:
    """Return the resource that pods' metrics of a type are asked for (`getFilterBuilder`)."""
    return PROMETHEUS_TARGET if metric_type.startswith(PREFIX) else K8S_POD


def pod_conditions(
    schema: Schema, metric_type: str, cluster: Cluster, namespace: str, pods: Sequence[str]
) -> tuple[Condition, ...]:
    """Return what selects the series of pods, in the order of the wire (`composeFilter`).

    Args:
        schema: the resource.
        metric_type: of the metric.
        cluster: the adapter's.
        namespace: of the pods.
        pods: their names, 1 to `MAX_PODS_PER_REQUEST`.
    """
    found = [
        Condition("resource.type", "=", (schema.resource_type,)),
        Condition("metric.type", "=", (metric_type,)),
        Condition("resource.labels.project_id", "=", (cluster.project,)),
        Condition(schema.cluster, "=", (cluster.name,)),
        Condition("resource.labels.location", "=", (cluster.location,)),
        Condition(schema.namespace, "=", (namespace,)),
        one_of(schema.pod, pods),
    ]
    # The wire has them sorted as texts; no field is the beginning of another.
    return tuple(sorted(found, key=lambda one: one.field))


def make_request(
    project: str,
    conditions: tuple[Condition, ...],
    descriptor: Descriptor,
    reducer: str,
    now: float,
) -> TimeSeriesRequest:
    """Return the request that the adapter sends at `now` (`createListTimeseriesRequestProject`).

    Its interval is written in whole seconds, rounded down. Seconds of the run stand for seconds
    of the clock here: a run starts on a whole second.
    """
    cumulative = descriptor.metric_kind in ("DELTA", "CUMULATIVE")
    aligner = "ALIGN_RATE" if cumulative else "ALIGN_NEXT_OLDER"
    return TimeSeriesRequest(
        project,
        conditions,
        "ALIGN_DELTA" if descriptor.value_type == "DISTRIBUTION" else aligner,
        RATE_ALIGNMENT_SECONDS if cumulative else REQUEST_WINDOW_SECONDS,
        reducer,
        math.floor(now - REQUEST_WINDOW_SECONDS),
        math.floor(now),
    )


def refuse_distributions(descriptor: Descriptor, message: str) -> None:
    """Refuse what takes `--enable-distribution-support`, a flag that no shipped manifest sets.

    Raises:
        MetricsError: with the message, if the metric is a distribution.
    """
    if descriptor.value_type == "DISTRIBUTION":
        raise MetricsError(message)
