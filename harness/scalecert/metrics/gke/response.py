"""Cloud Monitoring's answers as values of the metrics APIs.

A port of custom-metrics-stackdriver-adapter, pkg/adapter/translator/response_translator.go, for
the new resource model. Called by `StackdriverAdapter`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scalecert.hpa.arithmetic import wrap_int64
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.provider import to_milli

_POD_LABELS = {
    "k8s_pod": ("namespace_name", "pod_name"),
    "k8s_container": ("namespace_name", "pod_name"),
}
_NOT_A_NUMBER_MILLI = -(2**63)
"""What Go makes of NaN as int64 on amd64."""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """A series with its newest aligned point: an int for INT64, a float for DOUBLE."""

    resource_type: str
    resource_labels: Mapping[str, str]
    metric_labels: Mapping[str, str]
    value: int | float


def milli_of(value: int | float) -> int:
    """Return a point's value in milli-units: a DOUBLE is truncated, and NaN is no zero here."""
    if isinstance(value, int):
        return value * 1000
    return _NOT_A_NUMBER_MILLI if math.isnan(value) else to_milli(value)


def pod_totals(series: Sequence[TimeSeries]) -> dict[str, int]:
    """Return the sum of the values of each pod's series, by `namespace:pod`.

    Every value is truncated to milli-units before it is added (`getMetricValuesFromResponse`);
    what then overflows wraps around (`Quantity.MilliValue`).

    Raises:
        MetricsError: for a series of another resource than a pod, container or scraped target.
    """
    totals: dict[str, int] = {}
    for one in series:
        key = _key(one)
        totals[key] = totals.get(key, 0) + milli_of(one.value)
    return {key: wrap_int64(total) for key, total in totals.items()}


def require_one_container(series: Sequence[TimeSeries], metric: str) -> None:
    """Refuse a metric that two containers of one pod have (`CheckMetricUniquenessForPod`).

    Raises:
        MetricsError: if there is such a pod, or a series of no container.
    """
    containers: dict[str, str] = {}
    for one in series:
        key = _key(one)
        container = one.resource_labels.get("container_name")
        if container is None:
            raise internal_error("container_name is missing")
        first = containers.setdefault(key, container)
        if first != container:
            # Upstream prints the names in hexadecimal.
            one_name, other, name, pod = (_hexadecimal(x) for x in (first, container, metric, key))
            raise MetricsError(
                "Only one container in pod can have specific metric. "
                f"Containers {one_name} {other} have the same metric {name} in pod {pod}"
            )


def _hexadecimal(text: str) -> str:
    return text.encode().hex()


def internal_error(reason: str) -> MetricsError:
    """Return an answer with status 500 (`NewInternalError`)."""
    return MetricsError(f"Internal error occurred: {reason}")


def _key(series: TimeSeries) -> str:
    kind, of_resource, of_metric = (
        series.resource_type,
        series.resource_labels,
        series.metric_labels,
    )
    if kind == "prometheus_target":
        return f"{of_resource.get('namespace', '')}:{of_metric.get('pod', '')}"
    if kind in _POD_LABELS:
        namespace, pod = _POD_LABELS[kind]
        return f"{of_resource.get(namespace, '')}:{of_resource.get(pod, '')}"
    if kind == "k8s_node":
        return f":{of_resource.get('node_name', '')}"
    raise internal_error(f'Stackdriver returned incorrect resource type "{kind}"')
