"""From metrics and pods to a proposed replica count (pkg/.../podautoscaler/replica_calculator.go).

Stands between the metrics client and the controller: one call per metric and sync. Values are
milli-units in int64, replica counts int32, times integer milliseconds of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from scalecert.errors import ScaleCertError
from scalecert.hpa.arithmetic import (
    MAX_INT64,
    ceiling_to_int32,
    ceiling_to_int64,
    float_quotient,
    truncated_quotient,
    wrap_int64,
)
from scalecert.hpa.metrics.interfaces import MetricsClient, MetricsError, PodMetricsInfo
from scalecert.hpa.metrics.utilization import (
    ResourceUtilization,
    get_metric_usage_ratio,
    get_resource_utilization_ratio,
)
from scalecert.hpa.pod_groups import (
    PodGroups,
    ReadinessPeriods,
    get_ready_pods_count,
    group_pods,
)
from scalecert.hpa.pod_requests import RequestError, calculate_requests
from scalecert.hpa.pods import Pod
from scalecert.hpa.selectors import Selector, SelectorError, label_selector_as_selector
from scalecert.hpa.types import CrossVersionObjectReference, LabelSelector
from scalecert.hpa.usage_ratio import (
    Tolerances,
    capped_replicas,
    fill,
    needs_filling,
    rescaled_replicas,
    scaled_replicas,
)

_NO_PODS: Final = "no pods returned by selector while calculating replica count"
_NO_METRICS: Final = "did not receive metrics for targeted pods (pods might be unready)"


class Proposal(NamedTuple):
    """What one metric says. None as a time stands for the zero time."""

    replicas: int = 0
    usage: int = 0
    """milli-units, or percent where utilization was asked for"""
    raw_utilization_milli: int = 0
    timestamp_ms: int | None = None


_NOTHING: Final = Proposal()


class ReplicaCalculationError(ScaleCertError):
    """No replica count could be computed.

    Args:
        text: what the HPA's condition will say.
        beside: what upstream returns beside the error.
    """

    def __init__(self, text: str, beside: Proposal = _NOTHING) -> None:
        self.beside = beside
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class ReplicaCalculator:
    """Computes the replica counts of one sync of one HPA.

    Every method raises ReplicaCalculationError where there is nothing to compute from.

    Args:
        metrics_client: where metrics come from.
        pods: what `selector` selects in `namespace`.
        namespace: of the HPA.
        selector: of the scale target; passed on to the metrics client.
        tolerances: of the HPA.
        periods: the controller's flags for pods that start up.
        pod_level_resources: the feature gate.
    """

    metrics_client: MetricsClient
    pods: Sequence[Pod]
    namespace: str
    selector: Selector
    tolerances: Tolerances
    periods: ReadinessPeriods
    pod_level_resources: bool = True

    def get_resource_replicas(
        self,
        current_replicas: int,
        target_percent: int,
        resource: str,
        container: str,
        now_ms: int,
    ) -> Proposal:
        """Return the count for a target utilization of requests, in percent.

        `now_ms` is when the metrics have come in; so in the other methods.
        """
        metrics, timestamp_ms = self._resource_metrics(resource, container)
        groups = self._count_ready(metrics, resource, now_ms)
        try:
            requests = calculate_requests(
                self.pods, container, resource, pod_level_resources=self.pod_level_resources
            )
            usage = get_resource_utilization_ratio(metrics, requests, target_percent)
        except (RequestError, MetricsError) as error:
            raise ReplicaCalculationError(str(error)) from None
        replicas = self._utilization_replicas(
            current_replicas,
            target_percent,
            metrics=metrics,
            requests=requests,
            groups=groups,
            usage=usage,
        )
        return Proposal(replicas, usage.utilization_percent, usage.average_milli, timestamp_ms)

    def _utilization_replicas(
        self,
        current_replicas: int,
        target_percent: int,
        *,
        metrics: PodMetricsInfo,
        requests: dict[str, int],
        groups: PodGroups,
        usage: ResourceUtilization,
    ) -> int:
        if not needs_filling(groups, usage.ratio):
            return scaled_replicas(
                usage.ratio, groups.ready_pod_count, current_replicas, self.tolerances
            )
        # against scaling down, a missing pod uses all of its request, or the target if that is more
        fallback_percent = max(100, target_percent)
        fill(
            metrics,
            groups,
            usage.ratio,
            lambda name: truncated_quotient(wrap_int64(requests[name] * fallback_percent), 100),
        )
        try:
            refilled = get_resource_utilization_ratio(metrics, requests, target_percent)
        except MetricsError as error:
            shown = Proposal(0, usage.utilization_percent, usage.average_milli)
            raise ReplicaCalculationError(str(error), shown) from None
        return rescaled_replicas(
            usage.ratio, refilled.ratio, len(metrics), current_replicas, self.tolerances
        )

    def get_raw_resource_replicas(
        self,
        current_replicas: int,
        target_milli: int,
        resource: str,
        container: str,
        now_ms: int,
    ) -> Proposal:
        """Return the count for a target average usage of a resource."""
        metrics, timestamp_ms = self._resource_metrics(resource, container)
        return self._plain_metric_replicas(
            current_replicas, target_milli, metrics, timestamp_ms, resource=resource, now_ms=now_ms
        )

    def get_metric_replicas(
        self,
        current_replicas: int,
        target_milli: int,
        metric_name: str,
        metric_selector: Selector,
        now_ms: int,
    ) -> Proposal:
        """Return the count for a target average of a custom metric of pods."""
        try:
            metrics, timestamp_ms = self.metrics_client.get_raw_metric(
                metric_name, self.namespace, self.selector, metric_selector
            )
        except MetricsError as error:
            raise ReplicaCalculationError(f"unable to get metric {metric_name}: {error}") from None
        # no resource: the readiness rules for CPU do not apply
        return self._plain_metric_replicas(
            current_replicas, target_milli, metrics, timestamp_ms, resource="", now_ms=now_ms
        )

    def get_object_metric_replicas(
        self,
        current_replicas: int,
        target_milli: int,
        metric_name: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> Proposal:
        """Return the count for a target value of an object's metric."""
        usage, _ = self._object_metric(metric_name, object_ref, metric_selector)
        return self._usage_ratio_replicas(current_replicas, target_milli, usage)

    def get_object_per_pod_metric_replicas(
        self,
        status_replicas: int,
        target_milli: int,
        metric_name: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> Proposal:
        """Return the count for a target of an object's metric divided by replicas."""
        usage, timestamp_ms = self._object_metric(metric_name, object_ref, metric_selector)
        replicas = status_replicas
        if not self._is_within_per_pod(usage, target_milli, status_replicas):
            replicas = ceiling_to_int32(float_quotient(float(usage), float(target_milli)))
        return Proposal(replicas, _average(usage, status_replicas), 0, timestamp_ms)

    def get_external_metric_replicas(
        self,
        current_replicas: int,
        target_milli: int,
        metric_name: str,
        metric_selector: LabelSelector | None,
    ) -> Proposal:
        """Return the count for a target value of an external metric, summed over series."""
        values, _ = self._external_metric(metric_name, metric_selector)
        usage = 0
        for value in values:
            if value > 0 and usage > MAX_INT64 - value:
                usage = MAX_INT64
                break
            usage = wrap_int64(usage + value)
        return self._usage_ratio_replicas(current_replicas, target_milli, usage)

    def get_external_per_pod_metric_replicas(
        self,
        status_replicas: int,
        target_milli: int,
        metric_name: str,
        metric_selector: LabelSelector | None,
    ) -> Proposal:
        """Return the count for a target of an external metric divided by replicas."""
        values, timestamp_ms = self._external_metric(metric_name, metric_selector)
        usage = 0
        for value in values:
            usage = wrap_int64(usage + value)
            if usage < 0:  # upstream takes it for an overflow, also where a value was negative
                usage = MAX_INT64
                break
        replicas = status_replicas
        if not self._is_within_per_pod(usage, target_milli, status_replicas):
            replicas = capped_replicas(float_quotient(float(usage), float(target_milli)))
        overflown = float(usage) >= float(MAX_INT64)
        average = MAX_INT64 if overflown else _average(usage, status_replicas)
        return Proposal(replicas, average, 0, timestamp_ms)

    def _resource_metrics(self, resource: str, container: str) -> tuple[PodMetricsInfo, int]:
        try:
            return self.metrics_client.get_resource_metric(
                resource, self.namespace, self.selector, container
            )
        except MetricsError as error:
            raise ReplicaCalculationError(
                f"unable to get metrics for resource {resource}: {error}"
            ) from None

    def _object_metric(
        self, metric_name: str, object_ref: CrossVersionObjectReference, metric_selector: Selector
    ) -> tuple[int, int]:
        try:
            return self.metrics_client.get_object_metric(
                metric_name, self.namespace, object_ref, metric_selector
            )
        except MetricsError as error:
            raise ReplicaCalculationError(
                f"unable to get metric {metric_name}: {object_ref.kind} on {self.namespace} "
                f"{object_ref.name}/{error}"
            ) from None

    def _external_metric(
        self, metric_name: str, metric_selector: LabelSelector | None
    ) -> tuple[list[int], int]:
        try:
            selector = label_selector_as_selector(metric_selector)
            return self.metrics_client.get_external_metric(metric_name, self.namespace, selector)
        except SelectorError as error:
            raise ReplicaCalculationError(str(error)) from None
        except MetricsError as error:
            shown = "nil" if metric_selector is None else metric_selector
            raise ReplicaCalculationError(
                f"unable to get external metric {self.namespace}/{metric_name}/{shown}: {error}"
            ) from None

    def _count_ready(self, metrics: PodMetricsInfo, resource: str, now_ms: int) -> PodGroups:
        """Group the pods, and take the metrics of those that don't count out of `metrics`."""
        if not self.pods:
            raise ReplicaCalculationError(_NO_PODS)
        groups = group_pods(self.pods, metrics, resource, self.periods, now_ms=now_ms)
        for name in groups.ignored | groups.unready:
            metrics.pop(name, None)
        if not metrics:
            raise ReplicaCalculationError(_NO_METRICS)
        return groups

    def _plain_metric_replicas(
        self,
        current_replicas: int,
        target_milli: int,
        metrics: PodMetricsInfo,
        timestamp_ms: int,
        *,
        resource: str,
        now_ms: int,
    ) -> Proposal:
        """Return the count for plain averages (upstream's calcPlainMetricReplicas)."""
        try:
            groups = self._count_ready(metrics, resource, now_ms)
        except ReplicaCalculationError as error:
            raise ReplicaCalculationError(str(error), Proposal(timestamp_ms=timestamp_ms)) from None
        ratio, usage = get_metric_usage_ratio(metrics, target_milli)
        if not needs_filling(groups, ratio):
            replicas = scaled_replicas(
                ratio, groups.ready_pod_count, current_replicas, self.tolerances
            )
        else:
            fill(metrics, groups, ratio, lambda _: target_milli)
            refilled, _ = get_metric_usage_ratio(metrics, target_milli)
            replicas = rescaled_replicas(
                ratio, refilled, len(metrics), current_replicas, self.tolerances
            )
        return Proposal(replicas, usage, 0, timestamp_ms)

    def _usage_ratio_replicas(
        self, current_replicas: int, target_milli: int, usage_milli: int
    ) -> Proposal:
        """Return the count for a value against its target (getUsageRatioReplicaCount)."""
        ratio = float_quotient(float(usage_milli), float(target_milli))
        if current_replicas == 0:  # from zero: one replica stands for the target, no tolerance
            return Proposal(ceiling_to_int32(ratio), usage_milli)
        if self.tolerances.is_within(ratio):
            return Proposal(current_replicas, usage_milli)
        if not self.pods:
            raise ReplicaCalculationError(
                f"unable to calculate ready pods: {_NO_PODS}", Proposal(usage=usage_milli)
            )
        return Proposal(capped_replicas(ratio * get_ready_pods_count(self.pods)), usage_milli)

    def _is_within_per_pod(self, usage_milli: int, target_milli: int, replicas: int) -> bool:
        target = float(target_milli) * float(replicas)
        return self.tolerances.is_within(float_quotient(float(usage_milli), target))


def _average(usage_milli: int, replicas: int) -> int:
    return ceiling_to_int64(float_quotient(float(usage_milli), float(replicas)))
