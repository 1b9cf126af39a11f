"""prometheus.yml: one job for each endpoint of a monitor, and the canary's.

Values are those of Prometheus' configuration as YAML has it; JSON is YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scalecert.documents import canonical_json
from scalecert.metrics.canary import canary_pod, canary_scrape_config
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.worlds.local.monitors.target_rules import (
    Endpoint,
    Rules,
    exporter_rules,
    fixed,
    server_rules,
    system_rules,
    target_rules,
)

CANARY_JOB = "scalecert-canary"
SYSTEM_JOB = "scalecert-system"
SYSTEM_PREFIX = "scalecert_system_"
"""Before the names of what Google Cloud collects by itself: Prometheus has no such series there."""
Job: TypeAlias = dict[str, object]

_DEFAULTS = RelabelRule()
_REREAD = "1h"  # a change of the file is noticed at once


@dataclass(frozen=True, slots=True)
class ScrapedEndpoint:
    """An endpoint of a monitor: what is scraped, at which HTTP path, by which name of the job."""

    job: str
    config: ScrapeConfig
    path: str

    @property
    def monitor(self) -> str:
        """Which monitor it is of."""
        return self.job.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Canary:
    """Where the canary answers, and how often it is scraped; `namespace` is its pod's."""

    address: str
    namespace: str
    interval_seconds: float


def configuration(jobs: Iterable[Job]) -> bytes:
    """Return prometheus.yml."""
    return canonical_json({"global": {"scrape_interval": "15s"}, "scrape_configs": list(jobs)})


def monitor_job(endpoint: ScrapedEndpoint, discovered: str) -> Job:
    """Return the job of one endpoint of a monitor; `discovered` is the file of all targets."""
    rules = target_rules(endpoint.config)
    return _job(endpoint.job, endpoint.config, endpoint.path, rules, discovered)


def default_jobs(
    config: ScrapeConfig, server: Endpoint | None, path: str, discovered: str
) -> Iterator[Job]:
    """Return the jobs of a policy without monitors: servers, and exporters of accelerators.

    Without a `server`, every declared port of every pod is scraped.
    """
    if server is None:
        yield _job("default", config, path, target_rules(config), discovered)
        return
    yield _job("default/servers", config, path, server_rules(config, server), discovered)
    yield _job("default/exporters", config, "/metrics", exporter_rules(config), discovered)


def canary_job(canary: Canary, configs: Sequence[ScrapeConfig]) -> Job:
    """Return the job of the canary, whose series say that it is a pod of the policy's namespace.

    Its labels are put on what is scraped, not on the target: so its `up` is none of the namespace's
    and no query of a policy counts it.
    """
    scraped = MetricsInput(canary.namespace, "", (), tuple(configs))
    labels = canary_scrape_config(scraped).target_labels(canary_pod(canary.namespace)) or {}
    return {
        "job_name": CANARY_JOB,
        **_timing(canary.interval_seconds, canary.interval_seconds),
        "static_configs": [{"targets": [canary.address]}],
        "metric_relabel_configs": _written(fixed(sorted(labels.items()))),
    }


def system_job(interval_seconds: float, container: str, port: int, discovered: str) -> Job:
    """Return the job of Google Cloud's own collection from a device plugin.

    The plugin's labels, which name the pods that hold accelerators, stay as they are.
    """
    renamed = RelabelRule(
        source_labels=("__name__",), target_label="__name__", replacement=f"{SYSTEM_PREFIX}$1"
    )
    return {
        "job_name": SYSTEM_JOB,
        "honor_labels": True,
        **_timing(interval_seconds, interval_seconds),
        "file_sd_configs": [{"files": [discovered], "refresh_interval": _REREAD}],
        "relabel_configs": _written(system_rules(container, port)),
        "metric_relabel_configs": _written((renamed,)),
    }


def _job(name: str, config: ScrapeConfig, path: str, rules: Rules, discovered: str) -> Job:
    return {
        "job_name": name,
        "honor_labels": config.honor_labels,
        "metrics_path": path,
        **_timing(config.interval_seconds, config.timeout_seconds),
        "file_sd_configs": [{"files": [discovered], "refresh_interval": _REREAD}],
        "relabel_configs": _written(rules),
        "metric_relabel_configs": _written(config.metric_relabelings),
    }


def _timing(interval_seconds: float, timeout_seconds: float) -> Job:
    """Return interval and timeout; Prometheus refuses a timeout above the interval."""
    return {
        "scrape_interval": _duration(interval_seconds),
        "scrape_timeout": _duration(min(timeout_seconds, interval_seconds)),
    }


def _duration(seconds: float) -> str:
    """Return a duration of Prometheus, which counts milliseconds."""
    return f"{max(1, round(seconds * 1000))}ms"


def _written(rules: Iterable[RelabelRule]) -> list[Job]:
    return [_rule(rule) for rule in rules]


def _rule(rule: RelabelRule) -> Job:
    """Return a rule without what is the default: some actions take no other field at all."""
    fields: Job = {
        "source_labels": list(rule.source_labels),
        "separator": rule.separator,
        "regex": rule.regex,
        "target_label": rule.target_label,
        "replacement": rule.replacement,
    }
    defaults = {
        "source_labels": [],
        "separator": _DEFAULTS.separator,
        "regex": _DEFAULTS.regex,
        "target_label": "",
        "replacement": _DEFAULTS.replacement,
    }
    given = {name: value for name, value in fields.items() if value != defaults[name]}
    return {"action": rule.verb, **given}
