"""One probe of one container: when it asks, and what its answers mean. Pure.

As the kubelet's worker (pkg/kubelet/prober/worker.go, v1.36.3): it ticks every `periodSeconds`
from when the pod came to the node, whatever the container does; a readiness probe is asked at once
when its container has started, and ticks from then on. A tick finds out whether it is time: the
startup probe until it has succeeded or failed for good, the others after that, none before
`initialDelaySeconds`, which counts whole seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scalecert.policy.manifests import ProbeDocument

ProbeKind = Literal["startup", "readiness", "liveness"]


@dataclass(slots=True)
class ProbeWorker:
    """A probe's memory of one container.

    Attributes:
        kind: which probe it is.
        probe: as the manifest has it.
        on_hold: whether nothing is asked until the container is another one.
    """

    kind: ProbeKind
    probe: ProbeDocument
    on_hold: bool = False
    _last: bool | None = None
    _run: int = 0

    def is_due(self, *, running_seconds: float | None, started: bool) -> bool:
        """Tell whether a tick asks.

        Args:
            running_seconds: since the container's start; None if it does not run.
            started: whether its startup probe has succeeded, or it has none.
        """
        if self.on_hold or running_seconds is None:
            return False
        if math.floor(running_seconds) < self.probe.initial_delay_seconds:
            return False
        return started != (self.kind == "startup")

    def observe(self, succeeded: bool) -> bool | None:
        """Take an answer; return what is true of the container from now on, None if that stays.

        A startup or liveness probe that has come to a conclusion asks no more, except for a
        liveness probe that succeeded.
        """
        self._run = self._run + 1 if self._last is succeeded else 1
        self._last = succeeded
        probe = self.probe
        wanted = probe.success_threshold if succeeded else probe.failure_threshold
        if self._run < (wanted or (1 if succeeded else 3)):
            return None
        if self.kind == "startup" or (self.kind == "liveness" and not succeeded):
            self.on_hold = True
            self._run = 0
        return succeeded

    def of_new_container(self) -> None:
        """Ask again: the container was started anew. The last answers still count."""
        self.on_hold = False


@dataclass(slots=True)
class Ticker:
    """When a worker ticks: every `period_seconds` from `start` on; ticks that were missed are lost.

    Times are seconds of any clock.
    """

    start: float
    period_seconds: float
    _ticks: int = 0

    def next(self, now: float) -> float:
        """Return the time of the next tick; the first one is at the start itself."""
        due = self.start + self._ticks * self.period_seconds
        missed = max(0, math.floor((now - due) / self.period_seconds))
        self._ticks += missed + 1
        return self.start + (self._ticks - 1) * self.period_seconds

    def reset(self, now: float) -> None:
        """Tick from now on: the next tick is a period later."""
        self.start = now
        self._ticks = 1
