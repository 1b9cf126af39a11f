"""The exporter contract: readings of one accelerator in, samples out.

An exporter is data: where its pods run, how often it looks, and one `Figure` for each family. What
collects and stores is `scalecert.metrics`, and no exporter has a case of its own there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from scalecert.engines.base import MetricInfo, Sample

Maker = Literal["nvidia", "cloud-tpu"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one accelerator did over a window.

    Shares are of the window, 0 to 1. `flop_share` is of the peak rate, which `tensor_active` is
    not: pipes are active without doing all that they could. Memory is that at the window's end.
    """

    duty: float
    """In which at least one kernel ran."""
    sm_active: float
    tensor_active: float
    flop_share: float
    dram_active: float
    power_watts: float
    memory_used_bytes: float
    memory_total_bytes: float


@dataclass(frozen=True, slots=True)
class Readings:
    """One accelerator at the time of a collection.

    `recent` is over the exporter's own short window, `average` over all since its last collection.
    """

    recent: Reading
    average: Reading


@dataclass(frozen=True, slots=True)
class Holder:
    """The container that holds an accelerator, and the labels of its pod.

    `last_container` is the last one of the pod's manifest.
    """

    namespace: str
    pod: str
    container: str
    last_container: str
    pod_labels: Mapping[str, str]
    controller_name: str = ""
    controller_kind: str = "Deployment"


@dataclass(frozen=True, slots=True)
class Chip:
    """One accelerator of a node: its place there, what it is called, and who holds it."""

    node: str
    index: int
    make: Maker
    model: str
    topology: str
    holder: Holder

    @property
    def uuid(self) -> str:
        """An id of its own, of the form that its maker's have."""
        if self.make == "cloud-tpu":
            return f"{self.node}-{self.index}"
        return f"GPU-{self.node}-{self.index}"


@dataclass(frozen=True, slots=True)
class Daemon:
    """The pods of a DaemonSet that runs an exporter: one on each node with accelerators."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    container: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One family of an exporter: a gauge for each accelerator.

    `value` makes it of the readings; None where it is absent. `info.maximum` is of one accelerator.
    """

    info: MetricInfo
    value: Callable[[Readings], float | None]


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter of one kind of accelerator.

    Attributes:
        name: as its project calls it.
        daemons: where it is known to run; the first is taken where nothing says.
        collection_seconds: how often it looks at the accelerators.
        recent_seconds: the window of its short figures, before each collection.
        figures: by name.
        labels: of an accelerator's series.
    """

    name: str
    daemons: tuple[Daemon, ...]
    collection_seconds: float
    recent_seconds: float
    figures: Mapping[str, Figure]
    labels: Callable[[Chip], Mapping[str, str]]

    def samples(self, names: Iterable[str], chip: Chip, readings: Readings) -> list[Sample]:
        """Return the samples of some of its families for one accelerator."""
        labels = self.labels(chip)
        found = ((name, self.figures[name].value(readings)) for name in names)
        return [Sample(name, labels, value) for name, value in found if value is not None]


@dataclass(frozen=True, slots=True)
class SystemMetric:
    """A metric of accelerators that Google Cloud collects by itself, for each container.

    Attributes:
        metric_type: `kubernetes.io/container/accelerator/...`.
        value_type: `INT64` or `DOUBLE`.
        figure: what it shows.
        late_seconds: until a sample is visible, beyond what every point takes.
    """

    metric_type: str
    value_type: Literal["INT64", "DOUBLE"]
    figure: Figure
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SystemMetrics:
    """All of them for one kind of accelerator, sampled together.

    `labels` are those of the metric; the resource is `k8s_container`.
    """

    metrics: Mapping[str, SystemMetric]
    collection_seconds: float
    recent_seconds: float
    labels: Callable[[Chip], Mapping[str, str]]


def gauge(
    name: str,
    unit: str,
    labels: tuple[str, ...],
    text: str,
    value: Callable[[Readings], float | None],
    *,
    highest: float,
) -> Figure:
    """Return a figure; `highest` is the most that one accelerator can show."""
    info = MetricInfo(name, "gauge", unit, labels, maximum=lambda _limits: highest, help=text)
    return Figure(info, value)
