"""The REST metrics client: raw answers of the metrics APIs to what the calculator takes.

Upstream: metrics/client.go. An API answers with lists; an empty one is an error, a pod of which
one container lacks the resource is left out, and a container that is not listed is just not summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from scalecert.hpa.arithmetic import wrap_int64
from scalecert.hpa.metrics.interfaces import MetricsError, PodMetric, PodMetricsInfo
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference

# metricServerDefaultMetricWindow: of custom metrics that come without a window
DEFAULT_METRIC_WINDOW_MS: Final = 60_000


class ContainerMetrics(msgspec.Struct, frozen=True):
    """Usage of one container: milli-units per resource."""

    name: str
    usage_milli: Mapping[str, int]


class PodMetrics(msgspec.Struct, frozen=True):
    """One item of the resource metrics API (metrics.k8s.io)."""

    name: str
    timestamp_ms: int
    window_ms: int
    containers: Sequence[ContainerMetrics]


class MetricValue(msgspec.Struct, frozen=True):
    """One item of the custom metrics API (custom.metrics.k8s.io)."""

    described_name: str
    value_milli: int
    timestamp_ms: int
    window_ms: int | None = None


class ExternalMetricValue(msgspec.Struct, frozen=True):
    """One item of the external metrics API (external.metrics.k8s.io)."""

    value_milli: int
    timestamp_ms: int


class MetricsApi(Protocol):
    """The raw answers of the metrics APIs. Each method raises MetricsError where the API fails."""

    def list_pod_metrics(self, namespace: str, selector: Selector) -> Sequence[PodMetrics]:
        """Return resource usage of the selected pods."""
        ...

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> Sequence[MetricValue]:
        """Return a custom metric of the selected pods."""
        ...

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        """Return a custom metric of one object."""
        ...

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> Sequence[ExternalMetricValue]:
        """Return the matching series of an external metric."""
        ...


class RestMetricsClient:
    """A MetricsClient over the raw answers of `api`."""

    def __init__(self, api: MetricsApi) -> None:
        self._api = api

    def get_resource_metric(
        self, resource: str, namespace: str, selector: Selector, container: str
    ) -> tuple[PodMetricsInfo, int]:
        """Return usage per pod name, and the time of the first item.

        Raises:
            MetricsError: the API failed or returned no item.
        """
        try:
            items = self._api.list_pod_metrics(namespace, selector)
        except MetricsError as error:
            raise _unable_to_fetch("resource", error) from None
        _require_items("resource", items)
        if container:
            return get_container_metrics(items, resource, container), items[0].timestamp_ms
        return get_pod_metrics(items, resource), items[0].timestamp_ms

    def get_raw_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> tuple[PodMetricsInfo, int]:
        """Return a custom metric per pod name, and the time of the first item.

        Raises:
            MetricsError: the API failed or returned no item.
        """
        try:
            items = self._api.list_custom_metric(metric_name, namespace, selector, metric_selector)
        except MetricsError as error:
            raise _unable_to_fetch("custom", error) from None
        _require_items("custom", items)
        found = {
            item.described_name: PodMetric(
                item.value_milli,
                item.timestamp_ms,
                DEFAULT_METRIC_WINDOW_MS if item.window_ms is None else item.window_ms,
            )
            for item in items
        }
        return found, items[0].timestamp_ms

    def get_object_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> tuple[int, int]:
        """Return a custom metric of one object, and its time.

        Raises:
            MetricsError: the API failed.
        """
        try:
            item = self._api.get_custom_metric(metric_name, namespace, object_ref, metric_selector)
        except MetricsError as error:
            raise _unable_to_fetch("custom", error) from None
        return item.value_milli, item.timestamp_ms

    def get_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> tuple[list[int], int]:
        """Return the values of the matching series, and the time of the first.

        Raises:
            MetricsError: the API failed or returned no item.
        """
        try:
            items = self._api.list_external_metric(metric_name, namespace, selector)
        except MetricsError as error:
            raise _unable_to_fetch("external", error) from None
        _require_items("external", items)
        return [item.value_milli for item in items], items[0].timestamp_ms


def get_container_metrics(
    items: Sequence[PodMetrics], resource: str, container: str
) -> PodMetricsInfo:
    """Return the usage of one container per pod name; pods without it are left out."""
    found: PodMetricsInfo = {}
    for item in items:
        listed = next((one for one in item.containers if one.name == container), None)
        if listed is not None and resource in listed.usage_milli:
            found[item.name] = PodMetric(
                listed.usage_milli[resource], item.timestamp_ms, item.window_ms
            )
    return found


def get_pod_metrics(items: Sequence[PodMetrics], resource: str) -> PodMetricsInfo:
    """Return the usage of all listed containers per pod name; pods with a gap are left out."""
    found: PodMetricsInfo = {}
    for item in items:
        usage = [one.usage_milli.get(resource) for one in item.containers]
        known = [value for value in usage if value is not None]
        if usage and len(known) == len(usage):
            found[item.name] = PodMetric(wrap_int64(sum(known)), item.timestamp_ms, item.window_ms)
    return found


def _unable_to_fetch(api: str, error: MetricsError) -> MetricsError:
    return MetricsError(f"unable to fetch metrics from {api} metrics API: {error}")


def _require_items(api: str, items: Sequence[object]) -> None:
    if not items:
        raise MetricsError(f"no metrics returned from {api} metrics API")
