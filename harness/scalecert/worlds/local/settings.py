"""How the processes of world `local` are set for one trial, in seconds of the clock; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from scalecert.engines.base import MetricInfo
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.registry import engine_kinds
from scalecert.metrics.conditions import CANARY_INTERVAL_SECONDS, MetricConditions
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.tsdb import LOOKBACK_SECONDS
from scalecert.planning.trial import Trial
from scalecert.policy.scraping import metrics_endpoint
from scalecert.scenario.model import Cluster, Controllers, Nodes
from scalecert.worlds.local.control_plane.components import ControllerFlags
from scalecert.worlds.local.metrics_apis.config import Semantics
from scalecert.worlds.local.metrics_apis.semantics import semantics_of
from scalecert.worlds.local.monitors.config import DefaultScrape
from scalecert.worlds.local.monitors.exporters import TrialExporters, trial_exporters
from scalecert.worlds.local.time_lapse import Lapsed, faster_cluster


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between trials.

    Attributes:
        time_lapse: seconds of the run in one of the clock.
        namespace: of the policy.
        flags: of kube-controller-manager.
        nodes: that there are, and how others come.
        image_pull_seconds: from a pod's binding to the start of its containers.
        model_load_seconds: of its server; None: the engine profile's.
        profiles: file of the engine profile, by engine; what is not named is found by the image.
        semantics: of the metrics APIs, in seconds of the run.
        default_scrape: while there is no monitor.
        exporters: of the nodes' accelerators, as far as the policy reads them.
        usage_interval_seconds: between two looks at what processes use.
    """

    time_lapse: int
    namespace: str
    flags: ControllerFlags
    nodes: Nodes
    image_pull_seconds: float
    model_load_seconds: float | None
    profiles: Mapping[str, str]
    semantics: Semantics
    default_scrape: DefaultScrape
    exporters: TrialExporters
    usage_interval_seconds: float

    @property
    def lookback_seconds(self) -> float:
        """How long a sample counts as its series' newest."""
        return LOOKBACK_SECONDS / self.time_lapse

    @property
    def canary_interval_seconds(self) -> float:
        """How often the canary is scraped."""
        return CANARY_INTERVAL_SECONDS / self.time_lapse


def settings_of(trial: Trial, lapsed: Lapsed, time_lapse: int, profile: str) -> Settings:
    """Return the settings of a trial.

    Args:
        trial: it.
        lapsed: its policy and conditions, K times faster.
        time_lapse: K.
        profile: file with the engine's profile as it is in this run.
    """
    kind = trial.resolved.kind
    known = kind.metrics(trial.plan.engine.version)
    conditions = trial.plan.scenario.spec.cluster.metrics
    return Settings(
        time_lapse=time_lapse,
        namespace=trial.plan.policy.namespace,
        flags=_flags(lapsed.cluster.controllers),
        nodes=replace(lapsed.cluster.nodes, warm=trial.warm_nodes),
        image_pull_seconds=lapsed.timing.image_pull_seconds,
        model_load_seconds=lapsed.timing.model_load_seconds,
        profiles={kind.name: profile},
        semantics=semantics_of(trial.metrics, known, conditions, trial.plan.seed),
        default_scrape=_default_scrape(trial, float(lapsed.cluster.metrics.scrape_interval)),
        exporters=trial_exporters(trial.metrics, known, time_lapse),
        usage_interval_seconds=float(lapsed.cluster.metrics.resource_resolution),
    )


def settings_by_hand(time_lapse: int, profile: EngineProfile | None, file: str) -> Settings:
    """Return the settings of a world that people apply their own manifests to.

    Everything has its defaults: a node for each pod at once, prometheus-adapter's default rules.

    Args:
        time_lapse: seconds of the world in one of the clock.
        profile: of the engine that it is of; those of other engines, and all without one, are found
            by image and accelerator.
        file: that the profile lies in.
    """
    cluster = faster_cluster(Cluster(), time_lapse)
    known: dict[str, MetricInfo] = {}
    for kind in engine_kinds():
        known |= kind.metrics(None)
    anything = MetricsInput("default", "", (WantedMetric("Resource", "cpu"),))
    return Settings(
        time_lapse=time_lapse,
        namespace="default",
        flags=_flags(cluster.controllers),
        nodes=Nodes(),
        image_pull_seconds=float(cluster.startup.image_pull),
        model_load_seconds=None,
        profiles={} if profile is None else {profile.spec.engine: file},
        semantics=semantics_of(anything, known, MetricConditions(), seed=1),
        default_scrape=DefaultScrape(interval_seconds=float(cluster.metrics.scrape_interval)),
        exporters=TrialExporters(),
        usage_interval_seconds=float(cluster.metrics.resource_resolution),
    )


def _flags(controllers: Controllers) -> ControllerFlags:
    return ControllerFlags(
        sync_period_seconds=float(controllers.sync_period),
        downscale_stabilization_seconds=float(controllers.downscale_stabilization),
        tolerance=controllers.tolerance,
        cpu_initialization_period_seconds=float(controllers.cpu_initialization_period),
        initial_readiness_delay_seconds=float(controllers.initial_readiness_delay),
    )


def _default_scrape(trial: Trial, interval_seconds: float) -> DefaultScrape:
    container = trial.resolved.container
    if container is None:
        return DefaultScrape(interval_seconds=interval_seconds)
    endpoint = metrics_endpoint(trial.resolved, container)
    port = endpoint.port or 0
    return DefaultScrape(
        interval_seconds=interval_seconds,
        container=container.name,
        port=port,
        port_name=next(iter(trial.pods.ports), "metrics"),
        path=endpoint.path or "/metrics",
    )
