"""Accelerator nodes: room for pods, provisioning on demand, stock-outs."""

from __future__ import annotations

from dataclasses import dataclass, field

from scalecert.scenario.model import Nodes


@dataclass(slots=True)
class NodePool:
    """Nodes of one kind; a node holds `replicas_per_node` pods.

    `warm` nodes are there from the start; every other takes `provisioning` seconds from the
    first pod that needs it, later if a stock-out holds it back.
    """

    conditions: Nodes
    warm: int
    _used: list[int] = field(init=False)
    _ready_at: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._used = [0] * self.warm
        self._ready_at = [0.0] * self.warm

    def place(self, now: float) -> tuple[int, float] | None:
        """Return (node, time at which a pod can be bound to it), None if no node may be added.

        It is the node with room that can be used first, the oldest of equals.
        """
        room = [
            (max(ready, now), index)
            for index, (used, ready) in enumerate(zip(self._used, self._ready_at, strict=True))
            if used < self.conditions.replicas_per_node
        ]
        best = min(room, default=None)
        if best is None:
            best = self._provision(now)
        if best is None:
            return None
        self._used[best[1]] += 1
        return best[1], best[0]

    def release(self, node: int) -> None:
        """Give the room of one pod back."""
        self._used[node] -= 1

    def _provision(self, now: float) -> tuple[float, int] | None:
        """Add a node; None if the pool is at its maximum."""
        maximum = self.conditions.maximum
        if maximum is not None and len(self._used) >= maximum:
            return None
        start = now
        for stock_out in sorted(self.conditions.stock_outs, key=lambda span: span.start):
            if stock_out.start <= start < stock_out.start + stock_out.duration:
                start = stock_out.start + stock_out.duration
        self._used.append(0)
        self._ready_at.append(start + self.conditions.provisioning)
        return self._ready_at[-1], len(self._used) - 1
