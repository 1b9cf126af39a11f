"""Monitors (PodMonitoring, PodMonitor, ServiceMonitor, ...) to scrape configurations.

Fields are those of monitoring.googleapis.com/v1 (prometheus-engine) and monitoring.coreos.com/v1
(prometheus-operator); what does not change a series or its age is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from scalecert.documents import Document, check_spelling, decode
from scalecert.hpa.selectors import Selector, label_selector_as_selector
from scalecert.hpa.types import LabelSelector
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_METADATA,
    ScrapeConfig,
)
from scalecert.policy.manifests import ObjectMeta
from scalecert.policy.model import Monitor, Place, Service
from scalecert.policy.targets import read_selector
from scalecert.units import Duration

_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")
_Rules = tuple[RelabelRule, ...]


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base: camelCase names, other fields are passed over."""


class _GoogleEndpoint(_Part, frozen=True):
    port: int | str
    path: str = "/metrics"
    interval: Duration | None = None
    timeout: Duration | None = None
    metric_relabeling: _Rules = ()


class _FromPod(_Part, frozen=True):
    from_: str = msgspec.field(name="from")
    to: str = ""


class _TargetLabels(_Part, frozen=True):
    metadata: tuple[str, ...] | None = None
    from_pod: tuple[_FromPod, ...] = ()


class _GoogleSpec(_Part, frozen=True):
    selector: LabelSelector
    endpoints: tuple[_GoogleEndpoint, ...]
    target_labels: _TargetLabels = _TargetLabels()


class _GoogleMonitor(_Part, frozen=True):
    metadata: ObjectMeta
    spec: _GoogleSpec


class _NamespaceSelector(_Part, frozen=True):
    any: bool = False
    match_names: tuple[str, ...] = ()


class _OperatorEndpoint(_Part, frozen=True):
    port: str | None = None
    port_number: int | None = None
    target_port: int | str | None = None
    path: str = "/metrics"
    interval: Duration | None = None
    scrape_timeout: Duration | None = None
    honor_labels: bool = False
    relabelings: _Rules = ()
    metric_relabelings: _Rules = ()


class _OperatorSpec(_Part, frozen=True):
    selector: LabelSelector
    namespace_selector: _NamespaceSelector = _NamespaceSelector()
    pod_metrics_endpoints: tuple[_OperatorEndpoint, ...] = ()
    endpoints: tuple[_OperatorEndpoint, ...] = ()
    job_label: str = ""
    pod_target_labels: tuple[str, ...] = ()
    target_labels: tuple[str, ...] = ()


class _OperatorMonitor(_Part, frozen=True):
    metadata: ObjectMeta
    spec: _OperatorSpec


def read_monitor(document: Document, services: Sequence[Service]) -> Monitor:
    """Return the monitor that a manifest of one of `MONITOR_KINDS` describes.

    Args:
        document: the manifest.
        services: those of the input, which a ServiceMonitor selects from.

    Raises:
        UsageError: for a field of a wrong type, a missing or a misspelt one, or relabelling
            outside of the subset.
    """
    kind = document.get_text("kind")
    return _READERS[kind](document, kind, services)


def _read_google(document: Document, kind: str, _services: Sequence[Service]) -> Monitor:
    check_spelling(document, _GoogleMonitor)
    read = decode(document, _GoogleMonitor)
    labels = read.spec.target_labels
    name, namespace = read.metadata.name, read.metadata.namespace
    everywhere = kind == "ClusterPodMonitoring"
    selector = read_selector(document, read.spec.selector, "spec.selector")
    endpoints = []
    for index, one in enumerate(read.spec.endpoints):
        path = f"spec.endpoints[{index}]"
        scrape = ScrapeConfig(
            kind=kind,
            name=name,
            namespace=namespace,
            selector=selector,
            port=one.port,
            interval_seconds=_interval(kind, one.interval),
            timeout_seconds=_timeout(one.timeout),
            namespaces=None if everywhere or not namespace else (namespace,),
            metadata=DEFAULT_METADATA if labels.metadata is None else labels.metadata,
            from_pod=tuple((pair.from_, pair.to or _safe(pair.from_)) for pair in labels.from_pod),
            metric_relabelings=_rules(document, f"{path}.metricRelabeling", one.metric_relabeling),
        )
        endpoints.append(scrape)
    return Monitor(
        kind=kind,
        name=name,
        namespace=namespace,
        place=Place(document.file, document.line),
        endpoints=tuple(endpoints),
        paths=tuple(one.path for one in read.spec.endpoints),
    )


def _read_pod_monitor(document: Document, kind: str, _services: Sequence[Service]) -> Monitor:
    read = _read_operator(document)
    selector = read_selector(document, read.spec.selector, "spec.selector")
    endpoints = []
    for index, one in enumerate(read.spec.pod_metrics_endpoints):
        path = f"spec.podMetricsEndpoints[{index}]"
        ports = (one.port, one.port_number, one.target_port)
        scrape = replace(
            _operator_scrape(document, kind, read, one, path),
            selector=selector,
            port=next((port for port in ports if port is not None), None),
            job_pod_label=read.spec.job_label,
        )
        endpoints.append((scrape, one.path))
    return _operator_monitor(document, kind, read, endpoints)


def _read_service_monitor(document: Document, kind: str, services: Sequence[Service]) -> Monitor:
    """Return a ServiceMonitor: each endpoint joined with each Service that has its port."""
    read = _read_operator(document)
    selected = read_selector(document, read.spec.selector, "spec.selector")
    namespaces = _namespaces(read)
    endpoints = []
    for index, one in enumerate(read.spec.endpoints):
        path = f"spec.endpoints[{index}]"
        for service in services:
            port = _service_port(service, one)
            if port is None or not selected.matches(service.labels):
                continue
            if namespaces is not None and service.namespace and service.namespace not in namespaces:
                continue
            scrape = replace(
                _operator_scrape(document, kind, read, one, path),
                selector=_exactly(service.selector),
                port=port,
                service=service.name,
                job=service.labels.get(read.spec.job_label, service.name),
                static_labels=_from_service(service, read.spec.target_labels),
            )
            endpoints.append((scrape, one.path))
    return _operator_monitor(document, kind, read, endpoints)


_READERS: Mapping[str, Callable[[Document, str, Sequence[Service]], Monitor]] = {
    "PodMonitoring": _read_google,
    "ClusterPodMonitoring": _read_google,
    "PodMonitor": _read_pod_monitor,
    "ServiceMonitor": _read_service_monitor,
}
MONITOR_KINDS = tuple(_READERS)


def _read_operator(document: Document) -> _OperatorMonitor:
    check_spelling(document, _OperatorMonitor)
    return decode(document, _OperatorMonitor)


def _operator_monitor(
    document: Document,
    kind: str,
    read: _OperatorMonitor,
    endpoints: Sequence[tuple[ScrapeConfig, str]],
) -> Monitor:
    return Monitor(
        kind=kind,
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        place=Place(document.file, document.line),
        endpoints=tuple(scrape for scrape, _ in endpoints),
        paths=tuple(path for _, path in endpoints),
    )


def _operator_scrape(
    document: Document, kind: str, read: _OperatorMonitor, one: _OperatorEndpoint, path: str
) -> ScrapeConfig:
    """Return what PodMonitor and ServiceMonitor have in common, with everything selected."""
    return ScrapeConfig(
        kind=kind,
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        selector=Selector(),
        port=None,
        interval_seconds=_interval(kind, one.interval),
        timeout_seconds=_timeout(one.scrape_timeout),
        namespaces=_namespaces(read),
        from_pod=tuple((label, _safe(label)) for label in read.spec.pod_target_labels),
        honor_labels=one.honor_labels,
        relabelings=_rules(document, f"{path}.relabelings", one.relabelings),
        metric_relabelings=_rules(document, f"{path}.metricRelabelings", one.metric_relabelings),
    )


def _namespaces(read: _OperatorMonitor) -> tuple[str, ...] | None:
    wanted = read.spec.namespace_selector
    own = (read.metadata.namespace,) if read.metadata.namespace else None
    return None if wanted.any else wanted.match_names or own


def _service_port(service: Service, endpoint: _OperatorEndpoint) -> str | int | None:
    """Return the pods' port behind an endpoint of a ServiceMonitor, None if it has none."""
    if endpoint.port is None:
        return endpoint.target_port
    return next((target for name, _, target in service.ports if name == endpoint.port), None)


def _from_service(service: Service, labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((_safe(one), service.labels[one]) for one in labels if one in service.labels)


def _exactly(labels: Mapping[str, str]) -> Selector:
    return label_selector_as_selector(LabelSelector(match_labels=dict(labels)))


def _rules(document: Document, path: str, rules: _Rules) -> tuple[RelabelRule, ...]:
    for index, rule in enumerate(rules):
        if problem := rule.problem():
            raise document.error(problem, field=f"{path}[{index}]")
    return rules


def _interval(kind: str, interval: Duration | None) -> float:
    """Return the scrape interval; zero is none at all, as Prometheus has it."""
    return float(interval or DEFAULT_INTERVAL_SECONDS[kind])


def _timeout(timeout: Duration | None) -> float:
    return 10.0 if timeout is None else float(timeout)


def _safe(label: str) -> str:
    """Return a Kubernetes label's name as Prometheus writes it."""
    return _UNSAFE.sub("_", label)
