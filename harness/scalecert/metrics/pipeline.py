"""The metric pipeline as a world drives it: pods are scraped, the HPA asks at any time.

    container started -> add_pod     -> time of its first scrape
    scrape due        -> scrape      -> time of its next scrape
    pod gone          -> remove_pod
    pod on a node     -> accelerators.hold, look, release
    HPA sync          -> client(now) -> MetricsClient; heartbeats(client, now): the canary's

A world asks its engines for the samples of `families()` only: what no rule reads is not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert import rng
from scalecert.engines.base import MetricInfo, Sample
from scalecert.exporters.registry import exporters_of, system_metrics_of
from scalecert.hpa.metrics.client import RestMetricsClient
from scalecert.hpa.metrics.interfaces import MetricsClient
from scalecert.metrics.accelerators import Accelerators, Wanted, wanted_of
from scalecert.metrics.adapters import Adapters
from scalecert.metrics.api import ClusterApi
from scalecert.metrics.canary import (
    Canary,
    CanaryPath,
    Heartbeat,
    canary_paths,
    canary_pod,
    canary_scrape_config,
)
from scalecert.metrics.conditions import MetricConditions, Neighbours
from scalecert.metrics.families import Catalogue
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.pods import PodRegistry
from scalecert.metrics.resource import CpuModel, MetricsServer
from scalecert.metrics.schedule import PodSchedule
from scalecert.metrics.scrape import Target
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config


class Pipeline:
    """One run's metrics, from the pods' endpoints to the HPA.

    Args:
        policy: what the policy says of metrics.
        engine_metrics: every family that the engine exposes, by name (`EngineKind.metrics`).
        conditions: how late and how often, and when which part of it is down.
        seed: of the phases at which pods are scraped (stream `scrape`, by pod and monitor).
        cpu_model: of the engine's process, for Resource metrics.
        neighbours: who else holds such accelerators; nobody if None.

    Attributes:
        accelerators: those of the pods, for metrics that are made of them.

    Raises:
        UsageError: if a rule of prometheus-adapter is outside of the documented subset.
    """

    def __init__(
        self,
        policy: MetricsInput,
        engine_metrics: Mapping[str, MetricInfo],
        conditions: MetricConditions,
        seed: int,
        *,
        cpu_model: CpuModel | None = None,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._policy = policy
        self._conditions = conditions
        self._seed = seed
        self._configs = policy.scrape_configs or (
            default_scrape_config(float(conditions.scrape_interval)),
        )
        self._pods = PodRegistry()
        self._resources = MetricsServer(cpu_model or CpuModel())
        self._engine_metrics = engine_metrics
        self._exporters = () if policy.device is None else exporters_of(policy.device)
        self._adapters = self._start_adapters()
        self._database = self._adapters.database
        self._schedules: dict[str, PodSchedule] = {}
        self._pods_added = 0
        self._canary = self._start_canary()
        self.accelerators = Accelerators(
            policy,
            self._wanted(),
            configs=self._configs,
            store=self._adapters.system,
            conditions=conditions,
            seed=seed,
            discover=self._discover_exporter,
            neighbours=neighbours or Neighbours(replicas=0),
        )

    @property
    def canary_paths(self) -> tuple[CanaryPath, ...]:
        """The paths that a canary travels: those of the policy's metrics."""
        return self._canary.paths

    def families(self) -> tuple[str, ...]:
        """Return the metric families to ask engines for."""
        return tuple(name for name in self._adapters.families if name in self._engine_metrics)

    @property
    def reads_usage(self) -> bool:
        """Whether a scrape wants `busy_seconds`: some metric is made of them."""
        return self._policy.reads_resources

    def add_pod(
        self,
        name: str,
        labels: Mapping[str, str],
        ports: Mapping[str, int],
        container: str,
        now: float,
    ) -> float:
        """Discover a pod whose container started at `now`.

        Args:
            name: the pod's name.
            labels: its labels.
            ports: the container's ports, number by name.
            container: the name of the engine's container.
            now: seconds of the run.

        Returns:
            When its first scrape is due; inf if nothing scrapes it.
        """
        pod = ScrapedPod(
            name,
            self._policy.namespace,
            labels,
            ports,
            container,
            address=self._next_address(),
            controller_name=self._policy.workload,
            controller_kind=self._policy.workload_kind,
        )
        schedule = self._schedules[name] = self._discover(pod, self._configs, now)
        return schedule.next_seconds()

    def scrape(
        self,
        name: str,
        now: float,
        samples: Sequence[Sample] | None,
        busy_seconds: float = 0.0,
    ) -> float:
        """Scrape what is due of a pod at `now`.

        Args:
            name: the pod's name.
            now: the time that `add_pod` or the last `scrape` returned.
            samples: what the engine exposes of `families()`; None: the server did not answer.
            busy_seconds: in which a step was running so far, if `reads_usage`.

        Returns:
            When the next scrape is due; inf if there is none.
        """
        schedule = self._schedules[name]
        schedule.scrape(now, samples, busy_seconds)
        self._database.prune(now)
        return schedule.next_seconds()

    def remove_pod(self, name: str, now: float) -> None:
        """Forget a pod that is gone at `now`; its series end as those of a vanished target."""
        self._schedules.pop(name).stop(now)
        self._pods.remove(name)
        self._resources.remove_pod(name)

    def client(self, now: float) -> MetricsClient:
        """Return the HPA's metrics client for a sync at `now`."""
        self._canary.scrape_until(now)
        if self.accelerators.are_read:
            self.accelerators.catch_up(now)
            self._database.prune(now)
        served = not self._conditions.is_down("adapter", now)
        return RestMetricsClient(
            ClusterApi(now, self._pods, self._adapters, self._resources, available=served)
        )

    def heartbeats(self, client: MetricsClient, now: float) -> tuple[Heartbeat, ...]:
        """Return what the client of a sync at `now` gets of the canary, per path."""
        return self._canary.read(client, now)

    def _start_adapters(self) -> Adapters:
        """Return the adapters over everything that the engine and the exporters may expose."""
        device = self._policy.device
        exposed = dict(self._engine_metrics)
        for exporter in self._exporters:
            exposed |= {name: figure.info for name, figure in exporter.figures.items()}
        system = None if device is None else system_metrics_of(device)
        return Adapters(self._policy, Catalogue(exposed), self._conditions, self._seed, system)

    def _wanted(self) -> Wanted:
        """Return what the policy's metrics are made of beside the engine's families."""
        names = set(self._adapters.families) - set(self._engine_metrics)
        system = None if self._adapters.system is None else self._adapters.system.metrics
        return wanted_of(self._policy.wanted, names, self._exporters, system)

    def _discover_exporter(self, pod: ScrapedPod, now: float) -> PodSchedule:
        """Begin to scrape an exporter's pod; no adapter lists it, as no HPA scales it."""
        targets = self._targets(pod, self._configs, now, reports_up=True)
        return PodSchedule(pod.name, targets, None, self._conditions, started_seconds=now)

    def _start_canary(self) -> Canary:
        pod = canary_pod(self._policy.namespace)
        schedule = self._discover(pod, (canary_scrape_config(self._policy),), 0.0, reports_up=False)
        return Canary(canary_paths(self._policy.wanted), pod.namespace, schedule)

    def _discover(
        self,
        pod: ScrapedPod,
        configs: Sequence[ScrapeConfig],
        now: float,
        *,
        reports_up: bool = True,
    ) -> PodSchedule:
        """Begin to watch a pod; return when it will be scraped."""
        self._pods.add(pod)
        if self.reads_usage:
            self._resources.add_pod(pod.name, pod.container, now)
        return PodSchedule(
            pod.name,
            self._targets(pod, configs, now, reports_up=reports_up),
            self._resources if self.reads_usage else None,
            self._conditions,
            started_seconds=now,
        )

    def _targets(
        self, pod: ScrapedPod, configs: Sequence[ScrapeConfig], now: float, *, reports_up: bool
    ) -> list[Target]:
        targets = []
        for config in configs:
            labels = config.target_labels(pod)
            if labels is None:
                continue
            draw = rng.stream(self._seed, "scrape", pod.name, config.name).random()
            target = Target(
                config,
                labels,
                self._database,
                phase_seconds=draw * config.interval_seconds,
                latency_seconds=float(self._conditions.scrape_latency),
                listening=config.listening(pod),
                reports_up=reports_up,
            )
            target.start(now + self._discovery_seconds(now))
            targets.append(target)
        return targets

    def _discovery_seconds(self, now: float) -> float:
        """Return how long a pod waits to become a target: not those that the run begins with."""
        return float(self._conditions.target_discovery) if now > 0 else 0.0

    def _next_address(self) -> str:
        """Return a pod address of its own; which one it is means nothing."""
        self._pods_added += 1
        number = self._pods_added
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
