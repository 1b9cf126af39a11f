"""What Google Cloud collects of accelerators by itself, out of a device plugin's series.

Both look at the same accelerators and call their figures alike. Prometheus scrapes the plugin as
often as Google Cloud would look, beside whatever the policy's monitors do, and keeps that under
names of its own (`monitors.prometheus_config.system_job`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from scalecert.exporters.base import Holder, SystemMetrics
from scalecert.metrics.gke import SystemStore
from scalecert.metrics.gke.system_metrics import resource_labels
from scalecert.metrics.tsdb import NAME_LABEL, Matcher
from scalecert.worlds.local.metrics_apis.http_prometheus import SampleSource
from scalecert.worlds.local.metrics_apis.pods import PodFacts
from scalecert.worlds.local.monitors.prometheus_config import SYSTEM_PREFIX


class PodDescriptions(Protocol):
    """Who knows pods."""

    def facts(self, namespace: str, pod: str) -> PodFacts:
        """Return what is known of a pod, if only its name."""
        ...


class SystemSamples:
    """Google Cloud's own collection over a Prometheus.

    Args:
        metrics: what it collects.
        source: the Prometheus.
        pods: whose accelerators they are.
        reach_seconds: how far back requests go, in seconds of the run.
        time_lapse: seconds of the run in one of the clock.

    Attributes:
        store: where the samples lie, in seconds of the run.
    """

    def __init__(
        self,
        metrics: SystemMetrics,
        source: SampleSource,
        pods: PodDescriptions,
        *,
        reach_seconds: float,
        time_lapse: int,
    ) -> None:
        self.store = SystemStore(metrics, reach_seconds)
        self._metrics = metrics
        self._source = source
        self._pods = pods
        self._time_lapse = time_lapse
        self._facts: dict[tuple[str, str], PodFacts] = {}

    def copy(self, metric_type: str, now: float) -> None:
        """Bring a metric's samples up to date, if it is one of these.

        Args:
            metric_type: `kubernetes.io/container/accelerator/...`.
            now: unix seconds.

        Raises:
            EvaluationError: if Prometheus does not answer.
            MetricsError: if the API server does not.
        """
        metric = self._metrics.metrics.get(metric_type)
        if metric is None:
            return
        name = Matcher(NAME_LABEL, "=", SYSTEM_PREFIX + metric.figure.info.name)
        span = self.store.database.retention_seconds / self._time_lapse
        for one in self._source.samples([name], now, span):
            labels = self._labels(one.labels, metric.figure.info.labels)
            for time, value in zip(one.times, one.values, strict=True):
                self.store.add(metric_type, labels, value, time * self._time_lapse)

    def _labels(self, scraped: Mapping[str, str], of_metric: tuple[str, ...]) -> Mapping[str, str]:
        """Return the labels in Cloud Monitoring of a series of the plugin's."""
        namespace, pod, container = (
            scraped.get(name, "") for name in ("namespace", "pod", "container")
        )
        facts = self._facts_of(namespace, pod)
        holder = Holder(
            namespace,
            pod,
            container,
            container,
            facts.labels,
            facts.controller_name,
            facts.controller_kind,
        )
        metric_labels = {name: scraped.get(name, "") for name in of_metric}
        return {**metric_labels, **resource_labels(holder, facts.node)}

    def _facts_of(self, namespace: str, pod: str) -> PodFacts:
        """Return what was known of a pod when it was first seen: its series keep their labels."""
        key = (namespace, pod)
        if key not in self._facts:
            self._facts[key] = self._pods.facts(namespace, pod)
        return self._facts[key]
