"""What a run leaves behind beside its requests: step functions, samples of each sync, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scalecert.sim.pods import Pod

_POD_COLUMNS = ("spec", "created", "bound", "ready", "terminating")


class Timeline:
    """Collects rows while time only moves on; `series` turns them into columns."""

    def __init__(self, metrics: int, canary_paths: Sequence[str] = ()) -> None:
        self.events: list[dict[str, Any]] = []
        self._pods: list[tuple[float, ...]] = []
        self._syncs: list[tuple[float, ...]] = []
        self._outstanding: list[tuple[float, float]] = []
        self._metrics = metrics
        self._canary_paths = tuple(canary_paths)

    def event(self, now: float, kind: str, **details: object) -> None:
        """Note an event."""
        self.events.append({"time": round(now, 6), "kind": kind, **details})

    def pods(self, now: float, spec_replicas: int, pods: Sequence[Pod]) -> None:
        """Note the counts of pods; a later row at the same time replaces the earlier one."""
        row = (
            now,
            spec_replicas,
            len(pods),
            sum(pod.bound is not None for pod in pods),
            sum(pod.serves() for pod in pods),
            sum(pod.deleted is not None for pod in pods),
        )
        if self._pods and self._pods[-1][0] == now:
            self._pods[-1] = row
        elif not self._pods or self._pods[-1][1:] != row[1:]:
            self._pods.append(row)

    def sync(
        self,
        now: float,
        replicas: tuple[int, int, int],
        metrics: Sequence[tuple[float, float]],
        canary_ages: Sequence[float],
        outstanding: int,
    ) -> None:
        """Note one sync of the HPA.

        Args:
            now: seconds of the run.
            replicas: spec before the sync, ready, desired after it.
            metrics: per metric its value in the target's unit and the replicas it asks for,
                NaN where there is none.
            canary_ages: per path of the canary its heartbeat's age, NaN for no answer.
            outstanding: requests in all engines.
        """
        figures = (figure for pair in metrics for figure in pair)
        self._syncs.append((now, *replicas, *figures, *canary_ages))
        self._outstanding.append((now, outstanding))

    def series(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return every series by name, as `recording.model` documents them."""
        sync_columns = ["spec_replicas", "ready_replicas", "desired_replicas"]
        for index in range(self._metrics):
            sync_columns += [f"metric.{index}.value", f"metric.{index}.desired"]
        sync_columns += [f"canary.{path}.age_seconds" for path in self._canary_paths]
        return {
            **_columns("pods", _POD_COLUMNS, self._pods),
            **_columns("sync", sync_columns, self._syncs),
            **_columns("engine", ("outstanding",), self._outstanding),
        }


def _columns(
    group: str, names: Sequence[str], rows: Sequence[tuple[float, ...]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the rows, times first, as one column per name."""
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names) + 1)
    return {
        f"{group}.{name}": np.ascontiguousarray(table[:, index])
        for index, name in enumerate(("time_seconds", *names))
    }
