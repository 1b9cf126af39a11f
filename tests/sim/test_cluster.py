"""Controllers, scheduler and kubelet of the simulated cluster."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.planning.pod_timing import PodTiming
from scalecert.policy.model import Probe
from scalecert.scenario.model import Interval, Nodes
from scalecert.sim.cluster import Cluster, WorkloadSpec
from scalecert.sim.kernel import Kernel
from scalecert.sim.nodes import NodePool
from scalecert.units import Duration

TIMING = PodTiming(
    image_pull_seconds=20.0,
    model_load_seconds=70.0,
    startup=None,
    readiness=Probe(period_seconds=5.0),
    pre_stop_seconds=30.0,
    drain_seconds=0.0,
    grace_seconds=60.0,
)


class BusyEngine:
    """A server whose one request ends at `finish`."""

    def __init__(self, finish: float) -> None:
        self.now, self.finish = 0.0, finish

    def advance(self, until_seconds: float) -> None:
        self.now = until_seconds

    def outstanding(self) -> int:
        return int(self.now < self.finish)

    def next_finish_seconds(self) -> float:
        return self.finish


class Watcher:
    """Keeps (time, pod, what); gives every listening pod an engine."""

    def __init__(self, finish: float = 0.0) -> None:
        self.seen: list[tuple[float, int, str]] = []
        self.finish = finish

    def before_change(self, now):
        pass

    def pod_changed(self, pod, what, now):
        self.seen.append((now, pod.ordinal, what))
        if what == "listening":
            pod.engine = BusyEngine(self.finish)

    def times(self, what):
        return [now for now, _, seen in self.seen if seen == what]


def cluster_of(timing=TIMING, *, ready=1, nodes=None, warm=50, ordering="any", finish=0.0):
    kernel, watcher = Kernel(), Watcher(finish)
    pool = NodePool(nodes or Nodes(), warm=warm)
    cluster = Cluster(kernel, WorkloadSpec("web", timing, ordering), pool, watcher)
    cluster.start_ready(ready)
    return cluster, kernel, watcher


def test_a_pod_on_a_warm_node_is_ready_after_pull_load_and_probe():
    """Bound at once, container after the pull, ready at the first probe after the model load."""
    cluster, kernel, watcher = cluster_of()
    kernel.run(100.0)
    cluster.scale(2, 100.0)
    kernel.run(1000.0)
    assert watcher.times("listening")[-1] == 100.0 + 20.0 + 70.0
    assert watcher.times("ready")[-1] == 195.0


def test_readiness_is_seen_at_the_next_probe():
    """A server that listens between two probes waits for the second."""
    timing = PodTiming(20.0, 71.0, None, Probe(period_seconds=10.0), 0.0, 0.0, 30.0)
    assert timing.startup_seconds() == 20.0 + 80.0


def test_a_startup_probe_holds_readiness_back():
    """Readiness is probed only once the startup probe has succeeded."""
    slow = Probe(period_seconds=60.0)
    timing = PodTiming(0.0, 70.0, slow, Probe(period_seconds=1.0), 0.0, 0.0, 30.0)
    assert timing.startup_seconds() == 120.0


def test_without_a_readiness_probe_a_pod_is_ready_before_its_model_is_loaded():
    """Kubernetes calls a running container without a probe ready."""
    timing = PodTiming(20.0, 70.0, None, None, 0.0, 0.0, 30.0)
    assert timing.startup_seconds() == 20.0


def test_a_cold_node_is_provisioned_first():
    """Provisioning comes before the pull; a stock-out holds it back."""
    stock_out = Interval(start=Duration(50.0), duration=Duration(100.0))
    cold = Nodes(provisioning=Duration(180.0), stock_outs=(stock_out,))
    cluster, kernel, watcher = cluster_of(nodes=cold, warm=1)
    kernel.run(60.0)
    cluster.scale(2, 60.0)
    kernel.run(2000.0)
    assert watcher.times("bound")[-1] == 150.0 + 180.0


def test_a_pool_at_its_maximum_leaves_pods_pending_until_one_goes():
    """No node, no binding; the room of a pod that goes is used at once."""
    cluster, kernel, _ = cluster_of(nodes=Nodes(maximum=1), warm=1)
    cluster.scale(2, 0.0)
    kernel.run(500.0)
    assert [pod.bound for pod in cluster.pods] == [0.0, None]
    cluster.scale(1, 500.0)
    kernel.run(600.0)
    assert [pod.bound for pod in cluster.pods] == [0.0]


def test_scaling_down_deletes_the_pods_that_are_the_least_ready():
    """ReplicaSet: pending before running, then those ready for the shortest time."""
    cluster, kernel, watcher = cluster_of(ready=2)
    kernel.run(10.0)
    cluster.scale(3, 10.0)
    kernel.run(40.0)
    cluster.scale(2, 40.0)
    assert [ordinal for _, ordinal, what in watcher.seen if what == "terminating"] == [2]


def test_a_terminating_pod_ends_when_its_requests_have_drained():
    """preStop sleeps in full; after SIGTERM a server with a drain ends with its last request."""
    timing = PodTiming(20.0, 70.0, None, Probe(), 10.0, 60.0, 120.0)
    cluster, kernel, watcher = cluster_of(timing, ready=2, finish=35.0)
    cluster.scale(1, 0.0)
    kernel.run(500.0)
    assert watcher.times("gone") == [35.0]


def test_a_server_that_aborts_at_sigterm_ends_there():
    """vLLM's default: what still runs when the preStop hook ends is lost."""
    cluster, kernel, watcher = cluster_of(ready=2, finish=1000.0)
    cluster.scale(1, 0.0)
    kernel.run(500.0)
    assert watcher.times("gone") == [30.0]


def test_a_server_that_ignores_sigterm_is_there_until_it_is_killed():
    """It holds its accelerators for the whole grace period, whether anything runs or not."""
    timing = PodTiming(20.0, 70.0, None, Probe(), 10.0, math.inf, 120.0, exits_when_idle=False)
    cluster, kernel, watcher = cluster_of(timing, ready=2, finish=35.0)
    cluster.scale(1, 0.0)
    kernel.run(500.0)
    assert watcher.times("gone") == [120.0]


def test_the_grace_period_ends_everything():
    """SIGKILL comes at the end of the grace, in the middle of a preStop hook too."""
    timing = PodTiming(20.0, 70.0, None, Probe(), 300.0, 300.0, 45.0)
    cluster, kernel, watcher = cluster_of(timing, ready=2, finish=1000.0)
    cluster.scale(1, 0.0)
    kernel.run(500.0)
    assert watcher.times("gone") == [45.0]


def test_an_ordered_stateful_set_starts_one_pod_at_a_time():
    """OrderedReady: the next pod is created when the one before is ready."""
    cluster, kernel, watcher = cluster_of(ordering="one-by-one")
    cluster.scale(3, 0.0)
    kernel.run(500.0)
    assert watcher.times("created") == [0.0, 0.0, 95.0]


@settings(derandomize=True, max_examples=60)
@given(
    steps=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 12)), max_size=12),
    ordering=st.sampled_from(["any", "parallel-ordinals", "one-by-one"]),
    warm=st.integers(0, 12),
)
def test_the_cluster_settles_on_what_was_asked_for(steps, ordering, warm):
    """INV-5: after every change has run its course, ready pods equal spec.replicas."""
    cluster, kernel, watcher = cluster_of(warm=max(1, warm), ordering=ordering)
    now, wanted = 0.0, 1
    for wait, wanted in steps:
        now += wait
        kernel.run(now)
        cluster.scale(wanted, now)
    kernel.run(now + 10_000.0)
    assert [pod.serves() for pod in cluster.pods] == [True] * wanted
    assert kernel.next_change() == math.inf
    assert len(watcher.times("created")) - len(watcher.times("gone")) == wanted
