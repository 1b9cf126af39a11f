"""Scrape configurations: which pods a policy's monitors have scraped, how often, with what labels.

One `ScrapeConfig` stands for one endpoint of a PodMonitoring, ClusterPodMonitoring, PodMonitor or
of a ServiceMonitor joined with one Service. The labels of a target are those that Managed Service
for Prometheus (prometheus-engine, pkg/operator/apis/monitoring/v1/pod_config.go) and the
Prometheus Operator attach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scalecert.hpa.selectors import Selector
from scalecert.metrics.relabel import RelabelRule, relabel

GOOGLE_KINDS = ("PodMonitoring", "ClusterPodMonitoring")
DEFAULT_INTERVAL_SECONDS = {
    "PodMonitoring": 60.0,  # the CRD's default
    "ClusterPodMonitoring": 60.0,
    "PodMonitor": 30.0,  # spec.scrapeInterval of the operator's Prometheus
    "ServiceMonitor": 30.0,
}
DEFAULT_METADATA = ("pod", "container", "top_level_controller_name", "top_level_controller_type")
"""What a PodMonitoring attaches if `targetLabels.metadata` is not given (the CRD's default)."""


@dataclass(frozen=True, slots=True)
class ScrapedPod:
    """A pod as discovery sees it; `ports` are the container's, number by name."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    container: str
    address: str = ""
    controller_name: str = ""
    controller_kind: str = "Deployment"


@dataclass(frozen=True, slots=True)
class ScrapeConfig:
    """One endpoint to scrape.

    `namespaces` None means any. `port` is a port's name (a regex, as in a PodMonitoring) or its
    number, None whichever there is. `metadata`, `from_pod` (pod label, target label) are a
    PodMonitoring's `targetLabels`; `service` and `static_labels` are known of a ServiceMonitor's
    Service.
    """

    kind: str
    name: str
    namespace: str
    selector: Selector
    port: str | int | None
    interval_seconds: float
    timeout_seconds: float = 10.0
    namespaces: tuple[str, ...] | None = None
    metadata: tuple[str, ...] = DEFAULT_METADATA
    from_pod: tuple[tuple[str, str], ...] = ()
    service: str = ""
    job: str = ""
    job_pod_label: str = ""
    static_labels: tuple[tuple[str, str], ...] = ()
    honor_labels: bool = False
    relabelings: tuple[RelabelRule, ...] = ()
    metric_relabelings: tuple[RelabelRule, ...] = ()

    @property
    def google(self) -> bool:
        """Whether Managed Service for Prometheus does the scraping."""
        return self.kind in GOOGLE_KINDS

    def port_of(self, pod: ScrapedPod) -> tuple[str, int] | None:
        """Return name and number of the pod's port to scrape, None if it has no such port."""
        if isinstance(self.port, int):
            named = next((name for name, number in pod.ports.items() if number == self.port), "")
            return named or str(self.port), self.port
        for name, number in pod.ports.items():
            if self.port is None or re.fullmatch(self.port, name):
                return name, number
        # Without a monitor nothing says which port it is, nor that it must be declared.
        return ("metrics", 0) if self.port is None else None

    def listening(self, pod: ScrapedPod) -> bool:
        """Tell whether the port may have a server: a number beside the declared ones has none."""
        declared = pod.ports.values()
        return not isinstance(self.port, int) or not declared or self.port in declared

    def target_labels(self, pod: ScrapedPod) -> dict[str, str] | None:
        """Return the labels of the target that `pod` is, None if it is none."""
        if self.namespaces is not None and pod.namespace not in self.namespaces:
            return None
        port = self.port_of(pod)
        if port is None or not self.selector.matches(pod.labels):
            return None
        own = self._google_labels(pod, port) if self.google else self._operator_labels(pod, port)
        everything = relabel(_discovered(pod, port) | own, self.relabelings)
        if everything is None:
            return None
        return {name: value for name, value in everything.items() if not name.startswith("__")}

    def _google_labels(self, pod: ScrapedPod, port: tuple[str, int]) -> dict[str, str]:
        known = {
            "pod": pod.name,
            "container": pod.container,
            "node": "",
            "top_level_controller_name": pod.controller_name,
            "top_level_controller_type": pod.controller_kind if pod.controller_name else "",
        }
        shown = {name: known[name] for name in self.metadata if known.get(name)}
        if isinstance(self.port, int):
            # A number may belong to several containers, so the operator drops the label.
            shown.pop("container", None)
        shown |= {to: pod.labels[label] for label, to in self.from_pod if label in pod.labels}
        return shown | {
            "project_id": "project",
            "location": "location",
            "cluster": "cluster",
            "namespace": pod.namespace,
            "job": self.name,
            "instance": f"{pod.name}:{port[1] if isinstance(self.port, int) else port[0]}",
        }

    def _operator_labels(self, pod: ScrapedPod, port: tuple[str, int]) -> dict[str, str]:
        copied = {to: pod.labels[label] for label, to in self.from_pod if label in pod.labels}
        service = {"service": self.service} if self.service else {}
        job = pod.labels.get(self.job_pod_label, "") or self.job or f"{self.namespace}/{self.name}"
        return {
            **dict(self.static_labels),
            **copied,
            **service,
            "namespace": pod.namespace,
            "pod": pod.name,
            "container": pod.container,
            "endpoint": port[0],
            "job": job,
            "instance": f"{pod.address}:{port[1]}",
        }


def default_scrape_config(interval_seconds: float) -> ScrapeConfig:
    """Return what is assumed of a policy without any monitor: every pod is scraped."""
    return ScrapeConfig("PodMonitoring", "default", "", Selector(), None, interval_seconds)


_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")


def _discovered(pod: ScrapedPod, port: tuple[str, int]) -> dict[str, str]:
    """Return the `__meta_*` labels of Kubernetes discovery that relabelling rules may read."""
    prefix = "__meta_kubernetes_pod"
    labels = {
        "__address__": f"{pod.address}:{port[1]}",
        "__meta_kubernetes_namespace": pod.namespace,
        f"{prefix}_name": pod.name,
        f"{prefix}_ip": pod.address,
        f"{prefix}_phase": "Running",
        f"{prefix}_container_name": pod.container,
        f"{prefix}_container_port_name": port[0],
        f"{prefix}_container_port_number": str(port[1]),
    }
    for name, value in pod.labels.items():
        safe = _UNSAFE.sub("_", name)
        labels[f"{prefix}_label_{safe}"] = value
        labels[f"{prefix}_labelpresent_{safe}"] = "true"
    return labels
