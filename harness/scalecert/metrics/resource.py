"""metrics-server: CPU and memory of pods, from a plain model of an engine's process.

An LLM server's CPU use says little about its load: the engine's loop keeps one core busy whenever
a step runs, and the front end adds a part of one. That is all that the model knows; its figures
are estimates (`CpuModel.provenance`), good enough to show how such a policy behaves in kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CpuModel:
    """CPU seconds = idle_cores x time + busy_cores x busy seconds; resident memory is constant.

    `busy_cores`: one for the engine's loop, a quarter for tokenising and HTTP (assumed).
    """

    idle_cores: float = 0.05
    busy_cores: float = 1.25
    resident_bytes: int = 8 * 1024**3
    provenance: str = "estimated"

    def cpu_seconds(self, alive_seconds: float, busy_seconds: float) -> float:
        """Return the CPU seconds used since the start of the process."""
        return self.idle_cores * alive_seconds + self.busy_cores * busy_seconds


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One container's usage as metrics-server reports it, in milli-units of its resource.

    `window_seconds` is what CPU was averaged over, `time_seconds` the end of that window.
    """

    container: str
    milli: Mapping[str, int]
    time_seconds: float
    window_seconds: float


@dataclass(slots=True)
class _Points:
    container: str
    started: float
    times: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


class MetricsServer:
    """The resource metrics API over what kubelets were seen to report.

    A pod has usage from its second report on, as in metrics-server.
    """

    def __init__(self, model: CpuModel) -> None:
        self._model = model
        self._pods: dict[str, _Points] = {}

    def add_pod(self, name: str, container: str, now: float) -> None:
        """Begin to watch a pod whose process started at `now`."""
        self._pods[name] = _Points(container, now)

    def remove_pod(self, name: str) -> None:
        """Forget a pod."""
        self._pods.pop(name, None)

    def report(self, name: str, now: float, busy_seconds: float) -> None:
        """Record that the process of a pod had been busy for `busy_seconds` by `now`."""
        points = self._pods[name]
        points.times = [*points.times[-1:], now]
        used = self._model.cpu_seconds(now - points.started, busy_seconds)
        points.cpu_seconds = [*points.cpu_seconds[-1:], used]

    def usage(self, name: str) -> ContainerUsage | None:
        """Return the usage of a pod's container, None before its second report."""
        points = self._pods.get(name)
        if points is None or len(points.times) < 2:
            return None
        window = points.times[1] - points.times[0]
        cores = (points.cpu_seconds[1] - points.cpu_seconds[0]) / window
        milli = {"cpu": round(cores * 1000), "memory": self._model.resident_bytes * 1000}
        return ContainerUsage(points.container, milli, points.times[1], window)
