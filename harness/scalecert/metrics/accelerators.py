"""Accelerators of a run's pods, looked at as exporters and Google Cloud look at them.

    pod bound -> hold    -> time of the first look at its server
    look due  -> look    -> time of the next
    pod gone  -> release
    HPA sync  -> catch_up: exporters' pages are scraped until then

Each collection takes two looks at a server (`accelerator_looks`). Scrapes of what was collected
need nothing of the world, so they are done when somebody asks, each with the page of its time.

Where no metric of a policy is made of accelerators there are no looks, and none of this costs
anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from scalecert import rng
from scalecert.engines.base import Activity
from scalecert.exporters.base import Chip, Exporter, Holder, Readings, SystemMetrics
from scalecert.exporters.device import Device
from scalecert.metrics.accelerator_looks import CloudAgent, Collector, ExporterOnNode, Meter
from scalecert.metrics.conditions import MetricConditions, Neighbours
from scalecert.metrics.exporter_pods import exporter_pod
from scalecert.metrics.gke import SystemStore
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.schedule import PodSchedule
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod

NEIGHBOURS_NAMESPACE = "neighbours"

Discover = Callable[[ScrapedPod, float], PodSchedule]
"""Begins to scrape a pod that is there from a time on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a policy's metrics are made of: families by exporter, and types of system metrics."""

    exporters: tuple[tuple[Exporter, tuple[str, ...]], ...] = ()
    system_types: tuple[str, ...] = ()


def wanted_of(
    metrics: Iterable[WantedMetric],
    families: Set[str],
    exporters: Iterable[Exporter],
    system: SystemMetrics | None,
) -> Wanted:
    """Return what metrics are made of beside the engine's families.

    Args:
        metrics: what an HPA reads.
        families: that they are made of, without the engine's.
        exporters: that there may be.
        system: what Google Cloud collects by itself; None if nothing.
    """
    pairs = ((one, tuple(sorted(families & one.figures.keys()))) for one in exporters)
    asked = {external_metric_type(metric.asked) for metric in metrics}
    types = () if system is None else sorted(asked & system.metrics.keys())
    return Wanted(tuple(pair for pair in pairs if pair[1]), tuple(types))


@dataclass(slots=True)
class _Held:
    """The accelerators of one pod, and who looks at them."""

    chips: tuple[Chip, ...]
    meters: list[Meter]

    def next_seconds(self) -> float:
        return min((meter.next_seconds() for meter in self.meters), default=math.inf)


@dataclass(slots=True)
class _Node:
    collectors: list[Collector]
    taken: dict[str, int] = field(default_factory=dict)
    """First accelerator of each pod, by the pod's name."""


class Accelerators:
    """The accelerators of one run.

    Args:
        policy: the metric side of the policy.
        wanted: what of them is read.
        configs: of the monitors, the scenario's default if the policy has none.
        store: where system metrics go; None if there are none.
        conditions: of the pipeline.
        seed: of the phases of collections (stream `accelerators`, by exporter and node).
        discover: begins to scrape an exporter's pod.
        neighbours: pods of somebody else, which hold such accelerators too.
    """

    def __init__(
        self,
        policy: MetricsInput,
        wanted: Wanted,
        *,
        configs: Sequence[ScrapeConfig],
        store: SystemStore | None,
        conditions: MetricConditions,
        seed: int,
        discover: Discover,
        neighbours: Neighbours,
    ) -> None:
        self._policy = policy
        self._wanted = wanted
        self._configs = tuple(configs)
        self._store = store
        self._conditions = conditions
        self._seed = seed
        self._discover = discover
        self._nodes: dict[str, _Node] = {}
        self._held: dict[str, _Held] = {}
        self._neighbours: list[_Held] = []
        self._utilization = neighbours.utilization
        device = policy.device
        self._device = device if wanted.exporters or wanted.system_types else None
        if self._device is not None:
            for number in range(neighbours.replicas):
                self._add_neighbour(self._device, number)

    @property
    def are_read(self) -> bool:
        """Whether anything of them is read."""
        return self._device is not None

    def hold(self, pod: str, labels: Mapping[str, str], node: int, now: float) -> float:
        """Give accelerators of a node to a pod of the policy; return when its server is looked at.

        It is inf if nobody asks.
        """
        if self._device is None:
            return math.inf
        policy = self._policy
        holder = Holder(
            policy.namespace,
            pod,
            policy.container,
            policy.last_container or policy.container,
            labels,
            controller_name=policy.workload,
            controller_kind=policy.workload_kind,
        )
        held = self._held[pod] = self._held_by(self._device, holder, f"node-{node}", now)
        return held.next_seconds()

    def look(self, pod: str, now: float, activity: Activity | None) -> float:
        """Look at a pod's server; return when the next look is due.

        Args:
            pod: the pod's name.
            now: the time that `hold` or the last `look` returned.
            activity: the server's; None while there is none.
        """
        held = self._held[pod]
        if self._device is not None:
            for meter in held.meters:
                if meter.next_seconds() <= now:
                    meter.look(now, activity, self._device, held.chips)
        return held.next_seconds()

    def release(self, pod: str, now: float) -> None:
        """Take the accelerators of a pod that is gone at `now`."""
        held = self._held.pop(pod, None)
        if held is not None:
            node = self._nodes[held.chips[0].node]
            del node.taken[pod]
            for collector in node.collectors:
                collector.forget(pod, now)

    def catch_up(self, now: float) -> None:
        """Do what was due by `now` beside the looks at servers: neighbours and scrapes."""
        if self._device is None:
            return
        for held in self._neighbours:
            self._look_at_neighbour(self._device, held, now)
        for node in self._nodes.values():
            for collector in node.collectors:
                collector.catch_up(now)

    def _look_at_neighbour(self, device: Device, held: _Held, now: float) -> None:
        steady = device.steady(self._utilization)
        for meter in held.meters:
            while (due := meter.collection_at()) <= now:
                meter.collector.collect(held.chips, Readings(steady, steady), due)
                meter.collected()

    def _add_neighbour(self, device: Device, number: int) -> None:
        """Add a pod of another namespace: its container is called as the policy's."""
        name, policy = f"neighbour-{number}", self._policy
        last = policy.last_container or policy.container
        holder = Holder(NEIGHBOURS_NAMESPACE, name, policy.container, last, {"app": "neighbour"})
        self._neighbours.append(self._held_by(device, holder, f"neighbour-node-{number}", 0.0))

    def _held_by(self, device: Device, holder: Holder, node_name: str, now: float) -> _Held:
        node = self._nodes.get(node_name)
        if node is None:
            node = self._nodes[node_name] = _Node(self._collectors(node_name, now))
        first = 0
        while first in node.taken.values():
            first += device.count
        node.taken[holder.pod] = first
        chips = tuple(
            Chip(node_name, first + index, device.make, device.model, device.topology, holder)
            for index in range(device.count)
        )
        return _Held(chips, [Meter(collector, now) for collector in node.collectors])

    def _collectors(self, node: str, now: float) -> list[Collector]:
        found: list[Collector] = []
        for exporter, names in self._wanted.exporters:
            pod = exporter_pod(exporter, self._configs, node)
            phase = self._phase(exporter.name, node, exporter.collection_seconds)
            found.append(ExporterOnNode(exporter, names, self._discover(pod, now), phase))
        if self._store is not None and self._wanted.system_types:
            seconds = self._store.metrics.collection_seconds
            phase = self._phase("cloud-monitoring", node, seconds)
            found.append(
                CloudAgent(self._store, self._wanted.system_types, self._conditions, phase)
            )
        return found

    def _phase(self, name: str, node: str, period_seconds: float) -> float:
        return rng.stream(self._seed, "accelerators", name, node).random() * period_seconds
