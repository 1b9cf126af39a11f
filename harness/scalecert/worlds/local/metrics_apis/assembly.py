"""The parts of the process, put together as a configuration says."""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.documents import Document, canonical_json, parse_documents
from scalecert.exporters.registry import system_metrics_of
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.canary import METRIC, with_canary
from scalecert.metrics.either_adapter import EitherAdapter
from scalecert.metrics.gke import REQUEST_WINDOW_SECONDS
from scalecert.metrics.prometheus_adapter import PrometheusAdapter
from scalecert.worlds.api_server import ApiServer
from scalecert.worlds.local.metrics_apis.applied_rules import AppliedRules
from scalecert.worlds.local.metrics_apis.config import Config, Semantics
from scalecert.worlds.local.metrics_apis.http_prometheus import HttpPrometheus
from scalecert.worlds.local.metrics_apis.managed_prometheus import ManagedPrometheus
from scalecert.worlds.local.metrics_apis.outages import Outages
from scalecert.worlds.local.metrics_apis.pods import ApiServerPods
from scalecert.worlds.local.metrics_apis.service import MetricsApis
from scalecert.worlds.local.metrics_apis.system_samples import SystemSamples
from scalecert.worlds.local.metrics_apis.usage import UsageFile


def assembled(config: Config) -> tuple[MetricsApis, UsageFile]:
    """Return the metrics APIs, and the usage that is to be read again and again.

    Raises:
        UsageError: if the kubeconfig can't be read, or a rule of prometheus-adapter be used.
    """
    api = ApiServer(config.kubeconfig)
    pods = ApiServerPods(api)
    outages = Outages(config.outages)
    usage = UsageFile(config.usage, lambda time: outages.is_down("scrape", time))
    adapters = _adapters(config, _prometheus(config), api, pods)
    return MetricsApis(adapters, usage, pods, outages), usage


def _prometheus(config: Config) -> HttpPrometheus:
    known = config.semantics
    return HttpPrometheus(
        config.prometheus,
        delay_seconds=known.prometheus_delay_seconds / config.time_lapse,
        time_lapse=config.time_lapse,
        listed=None if known.series is None else (*known.series, METRIC),
    )


def _adapters(
    config: Config, prometheus: HttpPrometheus, api: ApiServer, pods: ApiServerPods
) -> EitherAdapter:
    known, time_lapse = config.semantics, config.time_lapse
    relist_seconds = known.relist_seconds / time_lapse
    google = ManagedPrometheus(
        prometheus,
        known.kinds,
        delay_seconds=known.google_delay_seconds,
        time_lapse=time_lapse,
        system=_system(known, prometheus, pods, time_lapse),
    )

    def by_rules(documents: Sequence[Document]) -> PrometheusAdapter:
        return PrometheusAdapter(
            prometheus,
            with_canary(effective_rules(documents)),
            relist_seconds=relist_seconds,
            relist_phase_seconds=known.relist_phase_seconds / time_lapse,
        )

    if known.series is None:
        return EitherAdapter(google, AppliedRules(api, by_rules, interval_seconds=relist_seconds))
    return EitherAdapter(google, by_rules(_documents(known)))


def _documents(known: Semantics) -> list[Document]:
    return [
        document
        for rules in known.rules
        for document in parse_documents(canonical_json(rules.config), rules.file)
    ]


def _system(
    known: Semantics, prometheus: HttpPrometheus, pods: ApiServerPods, time_lapse: int
) -> SystemSamples | None:
    if known.device is None:
        return None
    return SystemSamples(
        system_metrics_of(known.device),
        prometheus,
        pods,
        reach_seconds=REQUEST_WINDOW_SECONDS + known.google_delay_seconds,
        time_lapse=time_lapse,
    )
