"""The pages of GKE's device plugins, GPU and TPU: gauges that are set at each collection.

Sources. GPU: GoogleCloudPlatform/container-engine-accelerators, pkg/gpu/nvidia/metrics/metrics.go,
commit 992db81257553607f1477945f1b3219632991829. TPU: ai-on-gke/tpu-device-plugin, pkg/metrics,
commit 4626a9f459c06db8411bce7de0496f59967b7c20.

The GPU plugin removes all gauges once a minute, before it sets them: those of a pod that is gone
stay until then. The TPU plugin does so with the two utilizations, which it reads from the host;
duty cycle and memory, which it asks the runtime in the server's process for, it removes when a
container has not answered six times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mock_servers.accelerator.gauges import Gauges, Labels, in_order
from mock_servers.accelerator.node import Looks, Node, Occupant
from scalecert.engines.base import Sample
from scalecert.exporters.base import Exporter, Readings
from scalecert.exporters.gke_accelerators import device_plugin

RESET_SECONDS = 60.0
"""`metricsResetInterval` of both."""
MISSES = 6
"""Collections without an answer after which a container's runtime is forgotten (TPU)."""
CONTAINER_LABELS = ("namespace", "pod", "container")
UTILIZATIONS = ("tensorcore_utilization", "memory_bandwidth_utilization")
"""Families that the TPU plugin reads from the host."""

Container = tuple[str, str, str]
"""Namespace, pod, container."""


class _PluginPage:
    """What both plugins have: an exporter, its looks, its gauges.

    Args:
        node: whose accelerators it shows.
        node_suffix: of the families without a pod.
        request: family of the accelerators that a container asks for.
    """

    def __init__(self, node: Node, *, node_suffix: str, request: str) -> None:
        self._node = node
        self._exporter: Exporter = device_plugin(node.device)
        self.collection_seconds = self._exporter.collection_seconds
        self.recent_seconds = self._exporter.recent_seconds
        self._looks = Looks()
        self._suffix = node_suffix
        self._request = request
        self._reset_at = 0.0
        infos = [figure.info for figure in self._exporter.figures.values()]
        self._gauges = Gauges(
            {info.name: info.help for info in infos}
            | {f"{info.name}{node_suffix}": f"{info.help}, by node" for info in infos}
            | {request: "accelerators that the container asks for"}
        )

    def open(self) -> None:
        """Look at the start of the short window."""
        self._looks.open(self._node)

    def text(self) -> str:
        """Return the page now."""
        return self._gauges.text()

    def _due_for_reset(self, now: float) -> bool:
        due = now - self._reset_at >= RESET_SECONDS
        self._reset_at = now if due else self._reset_at
        return due

    def _of_container(self, occupant: Occupant, readings: Readings) -> Iterator[Sample]:
        for place in occupant.places:
            chip = self._node.chip(place, occupant.holder)
            yield from self._exporter.samples(self._exporter.figures, chip, readings)

    def _set_request(self, occupant: Occupant, resource: str) -> Labels:
        labels = dict(zip(CONTAINER_LABELS, _container(occupant), strict=True))
        labels["resource_name"] = resource
        return self._gauges.set(self._request, labels, float(len(occupant.places)))

    def _set_of_node(self, sample: Sample) -> Labels:
        labels = _without_pod(sample.labels)
        return self._gauges.set(f"{sample.name}{self._suffix}", labels, sample.value)


class GpuPluginPage(_PluginPage):
    """What the GPU device plugin shows of a node."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, node_suffix="_gpu_node", request="request")

    def collect(self, now: float) -> None:
        """Set the gauges at `now`, seconds since the plugin's start."""
        if self._due_for_reset(now):
            self._gauges.reset()
        held: set[int] = set()
        for occupant, readings in self._looks.close(self._node):
            self._set_request(occupant, "nvidia.com/gpu")
            held.update(occupant.places)
            for sample in self._of_container(occupant, readings):
                self._gauges.set(sample.name, sample.labels, sample.value)
                self._set_of_node(sample)
        for place in self._node.places():
            if place not in held:
                chip, readings = self._node.chip(place), self._node.idle()
                for sample in self._exporter.samples(self._exporter.figures, chip, readings):
                    self._set_of_node(sample)


class TpuPluginPage(_PluginPage):
    """What the TPU device plugin shows of a node."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, node_suffix="_node", request="accelerator_request")
        self._series: dict[Container, list[tuple[str, Labels]]] = {}
        """What the runtime of each container said last."""
        self._misses: dict[Container, int] = {}

    def collect(self, now: float) -> None:
        """Set the gauges at `now`, seconds since the plugin's start."""
        shown = self._looks.close(self._node)
        self._drop_old({_container(one) for one, _ in shown if one.look.activity is not None})
        if self._due_for_reset(now):
            for name in UTILIZATIONS:
                self._gauges.reset((name, f"{name}{self._suffix}"))
        self._set_hosts()
        for occupant, readings in shown:
            self._set_container(occupant, readings)

    def _drop_old(self, answering: set[Container]) -> None:
        """Drop what runtimes said that now answer, or have not done so for long."""
        for container in list(self._series):
            self._misses[container] += 1
            if container in answering or self._misses[container] >= MISSES:
                for name, labels in self._series.pop(container):
                    self._gauges.drop(name, labels)

    def _set_hosts(self) -> None:
        """Show the two utilizations of every chip as the host does, at 0 where nothing runs."""
        for place in self._node.places():
            labels = _without_pod(self._exporter.labels(self._node.chip(place)))
            for name in UTILIZATIONS:
                self._gauges.set(f"{name}{self._suffix}", labels, 0.0)

    def _set_container(self, occupant: Occupant, readings: Readings) -> None:
        self._drop_utilizations(occupant)
        answers = occupant.look.activity is not None
        series: list[tuple[str, Labels]] = []
        for sample in self._of_container(occupant, readings):
            if answers or sample.name in UTILIZATIONS:
                labels = self._gauges.set(sample.name, sample.labels, sample.value)
                of_node = self._set_of_node(sample)
                if sample.name not in UTILIZATIONS:
                    series += (sample.name, labels), (f"{sample.name}{self._suffix}", of_node)
        if answers:
            request = self._set_request(occupant, "google.com/tpu")
            self._series[_container(occupant)] = [(self._request, request), *series]
            self._misses[_container(occupant)] = 0

    def _drop_utilizations(self, occupant: Occupant) -> None:
        """Drop what the container's chips showed: the model may have none of them now."""
        for place in occupant.places:
            labels = self._exporter.labels(self._node.chip(place, occupant.holder))
            for name in UTILIZATIONS:
                self._gauges.drop(name, in_order(labels))


def _container(occupant: Occupant) -> Container:
    hold = occupant.look.hold
    return (hold.namespace, hold.pod, hold.container)


def _without_pod(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in CONTAINER_LABELS}
