"""Monitored resources: what Cloud Monitoring's series are series of, and which labels that has.

A scraped target's are those that the collectors write (GoogleCloudPlatform/prometheus,
google/export/series_cache.go, `extractResource`): all other labels are the metric's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MonitoredResource:
    """A type of resource.

    Which cluster a policy will run in is not in its manifests: conditions on the labels in
    `of_cluster` are taken as fulfilled. `described` says that labels below `metadata` are recorded.
    `kin` are types that a filter may name without a refusal, and without finding anything.
    """

    type: str
    labels: tuple[str, ...]
    of_cluster: tuple[str, ...]
    described: bool = False
    kin: tuple[str, ...] = ()


PROMETHEUS_TARGET = MonitoredResource(
    "prometheus_target",
    ("project_id", "location", "cluster", "namespace", "job", "instance"),
    ("project_id", "location", "cluster"),
)
K8S_CONTAINER = MonitoredResource(
    "k8s_container",
    ("project_id", "location", "cluster_name", "namespace_name", "pod_name", "container_name"),
    ("project_id", "location", "cluster_name"),
    described=True,
    # Else the adapter's fallback from pods to containers would never come to its second question.
    kin=("k8s_pod",),
)
