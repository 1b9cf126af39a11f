"""Nodes: which ones there have to be, and when they come. Pure.

The rules are the simulated cluster's (`scalecert.sim.nodes`): a pod that no node has room for
brings one, which is there after its provisioning time. Which pod gets which node is the
scheduler's business; a node is as good as any other of its kind, so only their number counts here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from scalecert.policy.model import ACCELERATOR_RESOURCES
from scalecert.scenario.model import Interval, Nodes
from scalecert.sim.nodes import NodePool
from scalecert.units import Duration
from scalecert.worlds.local.node_agent.config import NodeKind
from scalecert.worlds.local.node_agent.pod_objects import PodSpec


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is there from `at` on, in unix seconds; `index` counts all nodes from 0."""

    index: int
    kind: NodeKind
    at: float

    @property
    def name(self) -> str:
        """Its name."""
        return f"node-{self.index}"


@dataclass(slots=True)
class _Pool:
    """Nodes of one kind.

    `nodes` are those that were announced, by their place in the pool; `placed` says where pods are
    expected, `bound` which of them are there; `unplaced` are pods that no node may be added for.
    """

    kind: NodeKind
    pool: NodePool
    nodes: dict[int, Node] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    unplaced: list[str] = field(default_factory=list)

    def takes(self, kind: NodeKind) -> bool:
        """Tell whether pods that need such a node can run on these."""
        same = (kind.resource, kind.accelerators) == (self.kind.resource, self.kind.accelerators)
        return same and kind.labels.items() <= self.kind.labels.items()


class NodePools:
    """The nodes of all kinds, and who has room on them.

    Args:
        conditions: of each kind.
    """

    def __init__(self, conditions: Nodes) -> None:
        if conditions.warm is None:
            at_once = {"warm": 0, "provisioning": Duration(0.0), "stock_outs": ()}
            conditions = msgspec.structs.replace(conditions, **at_once)
        self._conditions = conditions
        self._run_start: float | None = None
        self._pools: list[_Pool] = []
        self._count = 0

    def begin_run(self, start: float) -> None:
        """Let stock-outs count from `start`, in unix seconds: there are none before that."""
        self._run_start = start
        for one in self._pools:
            one.pool.conditions = self._shifted()

    def add_kind(self, kind: NodeKind) -> list[Node]:
        """Return the warm nodes of a new kind: they are there already."""
        warm = self._conditions.warm or 0
        pool = _Pool(kind, NodePool(self._shifted(), warm=warm))
        self._pools.append(pool)
        return [self._announce(pool, place, 0.0) for place in range(warm)]

    def want(self, uid: str, kind: NodeKind, now: float) -> list[Node]:
        """Find room for a pod; return the nodes that come because of it."""
        pool = next((one for one in self._pools if one.takes(kind)), None)
        warm: list[Node] = []
        if pool is None:
            warm = self.add_kind(kind)
            pool = self._pools[-1]
        return [*warm, *self._place(pool, uid, now)]

    def bound(self, uid: str, node: Node, now: float) -> list[Node]:
        """Take notice of a pod that was bound to a node; return the nodes that come because of it.

        On a node of another kind than it asked for, it has the room of a pod that waits for it.
        """
        pool = next(one for one in self._pools if node in one.nodes.values())
        if uid in pool.placed:
            pool.bound.add(uid)
            return []
        coming = self.forget(uid, now)
        waiting = [one for one in pool.placed if one not in pool.bound]
        if not waiting:
            return coming
        pool.placed[uid] = pool.placed.pop(waiting[0])
        pool.bound.add(uid)
        return [*coming, *self._place(pool, waiting[0], now)]

    def forget(self, uid: str, now: float) -> list[Node]:
        """Give the room of a pod back; return the nodes that come because of it."""
        for pool in self._pools:
            if uid in pool.unplaced:
                pool.unplaced.remove(uid)
            elif uid in pool.placed:
                pool.bound.discard(uid)
                pool.pool.release(pool.placed.pop(uid))
                if pool.unplaced:
                    return self._place(pool, pool.unplaced.pop(0), now)
        return []

    def _place(self, pool: _Pool, uid: str, now: float) -> list[Node]:
        placed = pool.pool.place(now)
        if placed is None:
            pool.unplaced.append(uid)
            return []
        place, at = placed
        pool.placed[uid] = place
        return [] if place in pool.nodes else [self._announce(pool, place, at)]

    def _announce(self, pool: _Pool, place: int, at: float) -> Node:
        node = Node(self._count, pool.kind, at)
        self._count += 1
        pool.nodes[place] = node
        return node

    def _shifted(self) -> Nodes:
        """Return the conditions with stock-outs in unix seconds; none before the run's start."""
        start = self._run_start
        spans = self._conditions.stock_outs if start is not None else ()
        moved = tuple(
            Interval(start=Duration(span.start + (start or 0.0)), duration=span.duration)
            for span in spans
        )
        return msgspec.structs.replace(self._conditions, stock_outs=moved)


def node_kind_of(pod: PodSpec) -> NodeKind:
    """Return the kind of node that a pod needs: the labels that it asks for, its accelerators."""
    asked: dict[str, int] = {}
    for one in pod.template.containers:
        of_container = {**one.limits, **one.requests}
        for name in ACCELERATOR_RESOURCES:
            if name in of_container:
                asked[name] = asked.get(name, 0) + of_container[name].milli_value // 1000
    resource = next(iter(asked), "")
    return NodeKind(labels=pod.node_labels, resource=resource, accelerators=asked.get(resource, 0))
