"""One pod's life: created, bound, pulled, started, listening, ready, terminating, gone."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import Engine


@dataclass(slots=True, eq=False)
class Pod:
    """A pod of the simulated cluster; times are seconds of the run, None until they happen."""

    ordinal: int
    name: str
    created: float
    bound: float | None = None
    started: float | None = None
    listening: float | None = None
    ready: float | None = None
    deleted: float | None = None
    stopped: float | None = None
    """SIGTERM, after the preStop hook."""
    gone: float | None = None
    engine: Engine | None = None
    node: int | None = None

    def serves(self) -> bool:
        """Tell whether the Service routes new connections to this pod."""
        return self.ready is not None and self.deleted is None

    @property
    def keeps_connections(self) -> bool:
        """Whether its server leaves idle connections open."""
        return self.stopped is None and self.gone is None

    def phase(self) -> str:
        """Return the pod's phase as the API shows it."""
        return "Pending" if self.started is None else "Running"
