"""The canary: a series of the harness's own, on the paths that the policy's metrics take.

Its value is the time of its scrape, a heartbeat. While a fresh one arrives at the HPA's metrics
client, an absent metric is the policy's matter; where none does, the harness's own pipeline is
broken and the run says nothing (`checks.canary`).

It is a pod beside the scaled ones: no policy selects, scales or counts it, it takes no part in the
load, and no rule of the policy sees its series. A path is an adapter and an API:

    google-custom, google-external           custom-metrics-stackdriver-adapter
    prometheus-custom, prometheus-external   prometheus-adapter, by a rule of the harness
    resource                                 metrics-server; the heartbeat is the usage's time

What is behind both custom paths is one scrape, as it is for the policy's own metrics.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

from scalecert.documents import parse_documents
from scalecert.engines.base import Sample
from scalecert.hpa.metrics.interfaces import MetricsClient, MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import AdapterRules, read_rules
from scalecert.metrics.adapter_rules import DiscoveryRule
from scalecert.metrics.conditions import CANARY_INTERVAL_SECONDS
from scalecert.metrics.gke import PREFIX
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.names import is_google
from scalecert.metrics.schedule import PodSchedule
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod

POD = "scalecert-canary"
METRIC = "scalecert_canary"
GOOGLE_METRIC = f"{PREFIX}|{METRIC}|gauge"
SELECTOR = parse_selector("scalecert.dev/canary=true")
"""Takes the canary's pod, and no other."""

CanaryPath: TypeAlias = Literal[
    "google-custom", "google-external", "prometheus-custom", "prometheus-external", "resource"
]

_LABELS = {"scalecert.dev/canary": "true"}
_REFERENCE = CrossVersionObjectReference(kind="Pod", name=POD, api_version="v1")
_OWN_NAME = re.compile(f"^{METRIC}$")
_RULES = f"""
rules:
- seriesQuery: {METRIC}
  resources: {{overrides: {{namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}
  metricsQuery: <<.Series>>{{<<.LabelMatchers>>}}
externalRules:
- seriesQuery: {METRIC}
  resources: {{overrides: {{namespace: {{resource: namespace}}}}}}
  metricsQuery: <<.Series>>{{<<.LabelMatchers>>}}
"""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What came over one path at one time: the age of the newest heartbeat, or the API's error.

    `age_seconds` is NaN where there is none.
    """

    path: CanaryPath
    age_seconds: float
    error: str = ""


def canary_paths(wanted: Iterable[WantedMetric]) -> tuple[CanaryPath, ...]:
    """Return the paths that an HPA's metrics take, each once, sorted."""
    return tuple(sorted({_path_of(metric) for metric in wanted}))


def _path_of(metric: WantedMetric) -> CanaryPath:
    if metric.source in ("Resource", "ContainerResource"):
        return "resource"
    if metric.source == "External":
        return "google-external" if is_google(metric.name) else "prometheus-external"
    return "google-custom" if is_google(metric.name) else "prometheus-custom"


def canary_pod(namespace: str) -> ScrapedPod:
    """Return the canary's pod, in the policy's namespace."""
    return ScrapedPod(POD, namespace, _LABELS, {"metrics": 9090}, "canary")


def canary_scrape_config(policy: MetricsInput) -> ScrapeConfig:
    """Return the canary's monitor: of Google's kind where the policy has one such, or none."""
    configs = policy.scrape_configs
    google = not configs or any(config.google for config in configs)
    return ScrapeConfig(
        "PodMonitoring" if google else "PodMonitor",
        POD,
        policy.namespace,
        SELECTOR,
        "metrics",
        CANARY_INTERVAL_SECONDS,
    )


def with_canary(rules: AdapterRules) -> AdapterRules:
    """Return a policy's rules, blind to the canary, and the harness's own for it.

    So no rule of a policy can hide the canary, and it can't turn up in a policy's metric.
    """
    own = _own_rules()
    return AdapterRules(
        (*_blinded(rules.rules), *own.rules), (*_blinded(rules.external), *own.external)
    )


@cache
def _own_rules() -> AdapterRules:
    (document,) = parse_documents(_RULES.encode(), "the canary's rules")
    return read_rules(document)


def _blinded(rules: Iterable[DiscoveryRule]) -> Iterator[DiscoveryRule]:
    return (replace(rule, filters=(*rule.filters, (_OWN_NAME, False))) for rule in rules)


class Canary:
    """The canary of one run.

    Args:
        paths: where it is to be read (`canary_paths`).
        namespace: its pod's.
        schedule: of its pod's scrapes.
    """

    def __init__(
        self, paths: tuple[CanaryPath, ...], namespace: str, schedule: PodSchedule
    ) -> None:
        self.paths = paths
        self._namespace = namespace
        self._schedule = schedule

    def scrape_until(self, now: float) -> None:
        """Do every scrape that was due by `now`: what it exposed then is known at any time."""
        while (due := self._schedule.next_seconds()) <= now:
            self._schedule.scrape(due, [Sample(METRIC, {}, due)], 0.0)

    def read(self, client: MetricsClient, now: float) -> tuple[Heartbeat, ...]:
        """Return what arrives at the HPA's client at `now`, per path."""
        return tuple(self._read(path, client, now) for path in self.paths)

    def _read(self, path: CanaryPath, client: MetricsClient, now: float) -> Heartbeat:
        try:
            return Heartbeat(path, now - self._beat_milli(path, client) / 1000.0)
        except MetricsError as error:
            return Heartbeat(path, math.nan, str(error))

    def _beat_milli(self, path: CanaryPath, client: MetricsClient) -> int:
        """Return the newest heartbeat, milliseconds of the run.

        Raises:
            MetricsError: if none arrives.
        """
        if path == "resource":
            return client.get_resource_metric("cpu", self._namespace, SELECTOR, "")[1]
        metric = GOOGLE_METRIC if path.startswith("google") else METRIC
        if path.endswith("external"):
            return max(client.get_external_metric(metric, self._namespace, EVERYTHING)[0])
        return client.get_object_metric(metric, self._namespace, _REFERENCE, EVERYTHING)[0]
