"""The signals that a policy scales on, as far as they are known without running anything.

One `Signal` per metric of the HPA: does the engine's version expose it, with these labels, and how
far can it rise. Planning, checks and lint read them.
"""

from __future__ import annotations

import math
import sys

from msgspec.structs import replace

from scalecert.engines.base import MetricInfo, RequestSizes
from scalecert.hpa.types import MetricIdentifier, MetricSpec, MetricTarget
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.names import ParsedName, is_google, parse_metric_name
from scalecert.policy.accelerator_series import AcceleratorMetrics
from scalecert.policy.accelerators import accelerator_metrics
from scalecert.policy.exposed_metric import Exposure
from scalecert.policy.exposure import Exposed
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.scraping import attached_labels, scrape_problem
from scalecert.policy.usual_maximum import usual_maximum
from scalecert.recording.plan import Signal
from scalecert.scenario.model import Controllers

DEFAULT_TOLERANCE = Controllers().tolerance

_REDUCERS = {
    "REDUCE_MEAN": "avg",
    "REDUCE_MIN": "min",
    "REDUCE_MAX": "max",
    "REDUCE_COUNT": "count",
}

_NOT_MODELLED = (
    "metrics of nodes, of cAdvisor and of kube-state-metrics are not modelled;"
    " docs/accelerators.md lists those of accelerators"
)
_OTHER_EXPORTERS = ("dcgm_", "tpu_", "container_", "node_", "kube_")
"""How names begin that are known to be no engine's."""


def signals(
    policy: Policy,
    resolved: Resolved,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    sizes: RequestSizes | None = None,
) -> tuple[Signal, ...]:
    """Return the signals of a policy, in the order of `spec.metrics`.

    Args:
        policy: the policy.
        resolved: its engine and limits.
        tolerance: of the controller, where the HPA sets none for scaling up.
        sizes: of the load's requests, which may bound a metric further; None if nobody knows them.

    Raises:
        UsageError: for a metric of a system that ScaleCert does not model (nodes, cAdvisor), or
            adapter rules outside of the documented subset.
    """
    exposed = _exposed(policy, resolved)
    tolerance_up = _tolerance_up(policy, tolerance)
    found = []
    for index, spec in enumerate(policy.hpa.metrics):
        exposure = _exposure(policy, exposed, index, spec)
        found.append(
            Signal(
                index=index,
                source_type=spec.type,
                metric=spec.name,
                exists=exposure.exists,
                target_type=spec.target.type,
                target_value=_target_value(spec.target),
                tolerance_up=tolerance_up,
                prometheus_name=exposure.series,
                unit=_unit(spec.target, exposure.info),
                maximum=_maximum(policy, resolved, spec, exposure),
                reason=exposure.reason,
                hint=exposure.hint,
                aggregation=_aggregation(spec, exposure),
                fallback=exposure.query.fallback,
                usual_maximum=usual_maximum(
                    exposure.info,
                    resolved.limits,
                    sizes,
                    pods=_pods_added_up(policy, spec, exposure),
                ),
            )
        )
    return tuple(_averaged_twice(signal, policy.hpa.max_replicas) for signal in found)


def _exposed(policy: Policy, resolved: Resolved) -> Exposed:
    return Exposed(
        resolved.kind,
        resolved.version,
        effective_rules([one.document for one in policy.rules]),
        attached_labels(policy),
        accelerators=accelerator_metrics(policy, resolved),
        relabelings=[config.metric_relabelings for config in policy.scrape_configs],
    )


def _tolerance_up(policy: Policy, controllers: float) -> float:
    """Return the HPA's own tolerance for scaling up, else the controller's."""
    behavior = policy.hpa.behavior
    own = behavior.scale_up.tolerance if behavior and behavior.scale_up else None
    return controllers if own is None else own.as_approximate_float64()


def as_scraped(found: tuple[Signal, ...], policy: Policy, resolved: Resolved) -> tuple[Signal, ...]:
    """Return the signals, those of the engine gone where no monitor of the input scrapes it.

    Lint says the same of the monitor itself, at its line.
    """
    problem = scrape_problem(policy, resolved)
    if problem is None:
        return found
    reason, hint = problem
    accelerators = accelerator_metrics(policy, resolved)
    return tuple(
        replace(signal, exists=False, reason=reason, hint=hint)
        if signal.exists and _is_scraped_of_engine(signal, accelerators)
        else signal
        for signal in found
    )


def _is_scraped_of_engine(signal: Signal, accelerators: AcceleratorMetrics) -> bool:
    """Tell whether a signal comes from the engine's own page."""
    if signal.source_type in ("Resource", "ContainerResource"):
        return False
    if signal.prometheus_name is None:
        return not is_google(signal.metric)
    return signal.prometheus_name not in accelerators.scraped


def _target_value(target: MetricTarget) -> float:
    """Return what a metric is compared with, in its own unit; percent for Utilization."""
    if target.average_utilization is not None:
        return float(target.average_utilization)
    quantity = target.average_value or target.value
    return min(quantity.as_approximate_float64(), sys.float_info.max) if quantity else 0.0


def _unit(target: MetricTarget, info: MetricInfo | None) -> str:
    if target.type == "Utilization":
        return "percent"
    return info.unit if info is not None else ""


def _exposure(policy: Policy, exposed: Exposed, index: int, spec: MetricSpec) -> Exposure:
    name, identifier = spec.name, spec.identifier
    if identifier is None:
        return _resource_exposure(policy, spec)
    parsed = parse_metric_name(name, spec.type)
    if _is_foreign(name, parsed) and not exposed.knows(name, spec.type):
        near = exposed.nearest(name)
        raise policy.document.error(
            f"found {name}, expected a metric of the engine or of its accelerators",
            field=f"spec.metrics[{index}]",
            hint=f"did you mean {near}? Else: {_NOT_MODELLED}" if near else _NOT_MODELLED,
        )
    found = exposed.look_up(spec, parsed)
    return exposed.with_labels(found, name, identifier, external=spec.external is not None)


def _is_foreign(name: str, parsed: ParsedName) -> bool:
    """Tell whether a metric is another exporter's: that it does not exist would be wrong to say."""
    series = (parsed.prometheus_name or name).lower()
    return parsed.kind == "gke-system" or series.startswith(_OTHER_EXPORTERS)


def _resource_exposure(policy: Policy, spec: MetricSpec) -> Exposure:
    """Judge CPU or memory: utilization needs a request in every container that counts."""
    name, target = spec.name, policy.target
    if target is None or spec.target.type != "Utilization":
        return Exposure(exists=True)
    only = spec.container_resource.container if spec.container_resource else None
    template = target.template
    sidecars = [one for one in template.init_containers if one.restarts_always]
    counted = [one for one in (*template.containers, *sidecars) if only in (None, one.name)]
    if not counted:
        return Exposure(exists=False, reason=f"no container is called {only}")
    for container in counted:
        if name not in container.requests:
            reason = f"container {container.name} requests no {name}, so there is no utilization"
            hint = f"set resources.requests.{name} of container {container.name}"
            return Exposure(exists=False, reason=reason, hint=hint)
    return Exposure(exists=True)


def _maximum(
    policy: Policy, resolved: Resolved, spec: MetricSpec, exposure: Exposure
) -> float | None:
    """Return the highest value that the HPA can see while it runs minReplicas."""
    info = exposure.info
    if info is None or info.maximum is None:
        return None
    highest = info.maximum(resolved.limits) * _pods_added_up(policy, spec, exposure)
    if exposure.accelerators and _aggregation(spec, exposure) in ("", "sum"):
        highest *= exposure.accelerators  # each has a series, and they are added up
    return highest if math.isfinite(highest) else None


def _pods_added_up(policy: Policy, spec: MetricSpec, exposure: Exposure) -> int:
    """Return how many pods' values make the one that is compared.

    A sum over pods with a plain Value grows with them, every other kind is per pod.
    """
    summed = _aggregation(spec, exposure) == "sum" and spec.target.type == "Value"
    return max(1, policy.hpa.min_replicas or 1) if summed else 1


def _aggregation(spec: MetricSpec, exposure: Exposure) -> str:
    """Return how the values of pods become the one that is compared.

    Empty where they stay per pod, or where a query is more than an aggregation. The series of an
    External metric are added up by the HPA (`GetExternalMetric`'s callers).
    """
    if spec.external is None and spec.object is None:
        return ""
    query = exposure.query
    if query.aggregation or spec.external is None or not query.keeps_values:
        return query.aggregation
    return _reducer(spec.external.metric)


def _reducer(identifier: MetricIdentifier) -> str:
    """Return what Google's adapter makes of several series: the selector's reducer, else sum."""
    labels = identifier.selector.match_labels if identifier.selector else {}
    return _REDUCERS.get(labels.get("reducer", ""), "sum")


_NOT_TOTALS = {"avg": "an average over pods", "max": "the highest", "min": "the lowest"}
"""Aggregations that do not grow with the pods, in words."""


def _averaged_twice(signal: Signal, most: int) -> Signal:
    """Return a signal that AverageValue divides although it is no total, bounded as it then is.

    With n replicas the HPA compares value / n with the target (replica_calculator.go,
    `GetExternalPerPodMetricReplicas`), so it asks for ceil(value / target) whatever n is. To ask
    for the last replica the value has to exceed a target for each of the others.
    """
    divided = signal.aggregation in _NOT_TOTALS and signal.target_type == "AverageValue"
    if not divided or signal.maximum is None or signal.target_value <= 0:
        return signal
    asked = max(1, math.ceil(signal.maximum / signal.target_value))
    if asked >= most:
        return signal
    return replace(
        signal,
        maximum=signal.maximum / (most - 1),
        usual_maximum=None,
        reason=f"it is {_NOT_TOTALS[signal.aggregation]}, at most {signal.maximum:g}, which"
        " AverageValue divides by the replicas once more: it never asks for more than"
        f" {asked} of {most} replicas",
        hint=f"let the rule publish sum instead of {signal.aggregation}, or use type Value for"
        f" {signal.metric}",
    )
