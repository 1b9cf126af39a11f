"""Which nodes there are, and when they come."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.local.node_agent.pods import L4, PLAIN, SERVER, pod_object, pod_spec

from scalecert.scenario.model import Interval, Nodes
from scalecert.sim.nodes import NodePool
from scalecert.units import Duration
from scalecert.worlds.local.node_agent.config import NodeKind
from scalecert.worlds.local.node_agent.nodes import NodePools, node_kind_of
from scalecert.worlds.local.node_agent.pod_objects import read_spec

KIND = NodeKind(labels=L4, resource="nvidia.com/gpu", accelerators=1)
OTHER = NodeKind(labels=L4, resource="nvidia.com/gpu", accelerators=2)


def nodes(**fields: object) -> Nodes:
    return Nodes(**{"warm": 1, "provisioning": Duration(30.0), **fields})  # type: ignore[arg-type]


def test_warm_nodes_are_there_and_others_come():
    """The first pod has the warm node, the second waits for one that is provisioned."""
    pools = NodePools(nodes())
    assert [(one.name, one.at) for one in pools.want("a", KIND, 5.0)] == [("node-0", 0.0)]
    assert [(one.name, one.at) for one in pools.want("b", KIND, 7.0)] == [("node-1", 37.0)]


def test_no_node_is_added_beyond_the_maximum():
    """A pod that got none has the room of the next one that goes."""
    pools = NodePools(nodes(maximum=1))
    pools.want("a", KIND, 0.0)
    assert pools.want("b", KIND, 1.0) == []
    assert pools.forget("a", 2.0) == []
    assert pools.want("c", KIND, 3.0) == []


def test_without_a_number_of_warm_nodes_there_are_as_many_as_it_takes():
    """At once, up to the maximum."""
    pools = NodePools(nodes(warm=None, maximum=2))
    coming = [node for uid in "abc" for node in pools.want(uid, KIND, 5.0)]
    assert [(one.name, one.at) for one in coming] == [("node-0", 5.0), ("node-1", 5.0)]


def test_a_stock_out_counts_from_the_runs_start():
    """Before the run begins there is none."""
    out = Interval(start=Duration(0.0), duration=Duration(100.0))
    pools = NodePools(nodes(warm=0, stock_outs=(out,)))
    assert [one.at for one in pools.want("a", KIND, 1000.0)] == [1030.0]
    pools.begin_run(2000.0)
    assert [one.at for one in pools.want("b", KIND, 2010.0)] == [2130.0]


def test_a_pod_on_a_node_of_another_kind_has_the_room_of_one_that_waits():
    """Who waited gets a node of its own; the one that was meant for the first stays free."""
    pools = NodePools(nodes(warm=0))
    (small,) = pools.want("small", KIND, 0.0)
    (large,) = pools.want("large", OTHER, 0.0)
    (again,) = pools.bound("small", large, 30.0)
    assert (again.kind, again.at) == (OTHER, 60.0)
    assert pools.bound("large", again, 60.0) == []
    assert pools.want("next", KIND, 61.0) == []
    assert small.kind == KIND


def test_pods_of_any_kind_may_run_where_their_labels_are():
    """A node that is known from the start may have more labels than a pod asks for."""
    pools = NodePools(nodes())
    rich = NodeKind(labels={**L4, "zone": "a"}, resource="nvidia.com/gpu", accelerators=1)
    assert len(pools.add_kind(rich)) == 1
    assert pools.want("a", KIND, 0.0) == []


@given(
    events=st.lists(st.tuples(st.floats(0.0, 50.0), st.booleans()), max_size=30),
    held=st.integers(1, 3),
    warm=st.integers(0, 3),
    maximum=st.none() | st.integers(0, 6),
)
@settings(max_examples=60, derandomize=True)
def test_nodes_come_as_in_the_simulated_cluster(
    events: list[tuple[float, bool]], held: int, warm: int, maximum: int | None
):
    """As many nodes, at the same times, whatever pods come and go."""
    conditions = nodes(warm=warm, maximum=maximum, replicas_per_node=held)
    pools, pool = NodePools(conditions), NodePool(conditions, warm=warm)
    coming, placed = [one.at for one in pools.add_kind(KIND)], {}
    expected = dict.fromkeys(range(warm), 0.0)
    now = 0.0
    for uid, (wait, comes) in enumerate(events):
        now += wait
        if comes and (place := pool.place(now)) is not None:
            placed[str(uid)] = place[0]
            expected.setdefault(*place)
            coming += [one.at for one in pools.want(str(uid), KIND, now)]
        elif not comes and placed:
            first = next(iter(placed))
            pool.release(placed.pop(first))
            coming += [one.at for one in pools.forget(first, now)]
    assert sorted(coming) == sorted(expected.values())


def test_a_pod_says_what_node_it_needs():
    """Labels of nodeSelector and of required affinity, accelerators of all containers."""
    expression = {"key": "zone", "operator": "In", "values": ["a", "b"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    spec = read_spec(pod_object(spec=pod_spec(SERVER, PLAIN, affinity=affinity)))
    assert node_kind_of(spec) == msgspec.structs.replace(KIND, labels={**L4, "zone": "a"})


def test_a_pod_without_accelerators_needs_none():
    """Any node will do."""
    assert node_kind_of(read_spec(pod_object(spec={"containers": [PLAIN]}))) == NodeKind()
