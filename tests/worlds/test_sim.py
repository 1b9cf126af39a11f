"""World `sim`: laws of every run, and what a run of the shipped policies must show."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from factories import make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.bundled import bundled
from scalecert.engines.request_log import Status
from scalecert.pipeline import Inputs, subjects
from scalecert.planning.prepare import prepare
from scalecert.recording.plan import SuiteRef
from scalecert.worlds.sim import SimWorld

POLICIES = bundled("fixtures", "policies")
NAMES = ("vllm-num-requests-running", "vllm-num-requests-waiting", "vllm-kv-cache-usage")
CHECKS = [{"id": "no-request-lost"}]


def subject_of(name, **changes):
    """Return a shipped policy with a pinned capacity, so that nothing has to be searched."""
    file = str(POLICIES / f"{name}.yaml")
    (subject,) = subjects(Inputs((file,), objective="ttft_p95=2s", capacity_per_second=1.8))
    return replace(subject, **changes)


def trial_of(subject, rate, *, duration=360.0, cluster=None):
    """Return a trial of small requests."""
    sizes = {"distribution": "uniform", "low": 32, "high": 160}
    scenario = make_scenario(
        checks=CHECKS,
        duration=duration,
        workload={"rate": rate, "sizes": {"input": sizes, "output": sizes}},
        cluster=cluster or {},
    )
    return prepare(subject, scenario, POLICIES, SuiteRef("test", "0", ""))


def rates(kind, low, high):
    """Return the rate of a scenario as its document has it."""
    by_kind = {
        "constant": {"rate": high},
        "ramp": {"from": low, "to": high, "duration": "3m"},
        "spike": {"base": low, "peak": high, "start": "1m", "duration": "2m"},
    }
    return {"shape": kind, **by_kind[kind]}


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    kind=st.sampled_from(["constant", "ramp", "spike"]),
    low=st.floats(0.0, 4.0),
    high=st.floats(0.1, 20.0),
    routing=st.sampled_from(["random", "round-robin", "least-outstanding"]),
    connections=st.sampled_from(["per-request", "keep-alive"]),
    warm=st.none() | st.integers(1, 4),
    bounds=st.tuples(st.integers(1, 3), st.integers(3, 9)),
    seed=st.integers(1, 5),
)
def test_laws_of_every_run(name, kind, low, high, routing, connections, warm, bounds, seed):
    """INV-3, INV-8: requests end once and in order of time; replicas stay within bounds."""
    subject = subject_of(name, seed=seed)
    hpa = msgspec.structs.replace(
        subject.policy.hpa, min_replicas=bounds[0], max_replicas=bounds[1]
    )
    subject = replace(subject, policy=replace(subject.policy, hpa=hpa))
    nodes = {"warm": warm, "provisioning": "60s"}
    cluster = {"routing": routing, "connections": connections, "nodes": nodes}
    trial = trial_of(subject, rates(kind, round(low, 3), round(high, 3)), cluster=cluster)
    recording = SimWorld().run(trial)

    requests = recording.requests
    served = requests["status"] == Status.OK
    assert set(np.unique(requests["status"])) <= {Status.OK, Status.REJECTED, Status.ABORTED}
    first, last = requests["first_token_seconds"], requests["last_token_seconds"]
    assert np.all(first[served] > requests["arrival_seconds"][served])
    assert np.all(last[served] >= first[served])
    assert np.all(np.isnan(last[~served]))
    assert np.all(requests["replica"][served] >= 0)

    series = recording.series
    for column in ("sync.spec_replicas", "pods.spec"):
        assert series[column].min() >= bounds[0]
        assert series[column].max() <= bounds[1]
    assert np.all(series["pods.ready"] <= series["pods.bound"])
    assert np.all(series["pods.bound"] <= series["pods.created"])
    times = [event["time"] for event in recording.events]
    assert times == sorted(times)


def test_the_same_trial_gives_the_same_recording():
    """INV-1, within one process."""
    trial = trial_of(subject_of(NAMES[0]), rates("spike", 1.0, 12.0))
    one, two = (SimWorld().run(trial) for _ in range(2))
    assert one.events == two.events
    for group in ("series", "requests"):
        columns, others = getattr(one, group), getattr(two, group)
        assert columns.keys() == others.keys()
        for name, column in columns.items():
            assert column.tobytes() == others[name].tobytes(), name


@pytest.mark.parametrize(
    "conditions",
    [{"routing": "round-robin"}, {"routing": "least-outstanding"}, {"connections": "keep-alive"}],
    ids=str,
)
def test_with_one_pod_all_routing_is_the_same(conditions):
    """Whether routing looks at the servers or not: the HPA reads what they show at each scrape."""
    subject = subject_of(NAMES[0])
    hpa = msgspec.structs.replace(subject.policy.hpa, min_replicas=1, max_replicas=1)
    subject = replace(subject, policy=replace(subject.policy, hpa=hpa))
    rate = rates("spike", 1.0, 4.0)
    one, two = (
        SimWorld().run(trial_of(subject, rate, cluster=cluster)) for cluster in ({}, conditions)
    )
    assert one.events == two.events
    for group in ("series", "requests"):
        columns, others = getattr(one, group), getattr(two, group)
        for name, column in columns.items():
            assert np.allclose(column, others[name], rtol=0, atol=1e-9, equal_nan=True), name


def sent_to_terminating_pods(recording):
    """Return how many requests went to pods that were terminating already."""
    arrival, replica = recording.requests["arrival_seconds"], recording.requests["replica"]
    return sum(
        np.count_nonzero(arrival[replica == int(event["pod"].rpartition("-")[2])] > event["time"])
        for event in recording.events
        if event["kind"] == "pod-terminating"
    )


def test_only_kept_connections_lead_to_a_terminating_pod():
    """A Service routes nothing new there; who is connected sends on until the server stops."""
    subject, rate = subject_of(NAMES[0]), rates("spike", 2.0, 15.0)
    sent = {}
    for connections in ("per-request", "keep-alive"):
        trial = trial_of(subject, rate, duration=900.0, cluster={"connections": connections})
        sent[connections] = sent_to_terminating_pods(SimWorld().run(trial))
    assert sent["per-request"] == 0
    assert sent["keep-alive"] > 0


def test_another_seed_gives_another_run():
    """A seed that changed nothing would make several seeds worthless."""
    one, two = (
        SimWorld().run(trial_of(subject_of(NAMES[0], seed=seed), rates("constant", 0, 3.0)))
        for seed in (1, 2)
    )
    first = one.requests["first_token_seconds"], two.requests["first_token_seconds"]
    assert first[0].tobytes() != first[1].tobytes()


def test_more_load_makes_the_policy_add_replicas_and_less_lets_them_go():
    """The controller, the pipeline and the engine are really connected."""
    trial = trial_of(subject_of(NAMES[0]), rates("spike", 0.5, 15.0), duration=900.0)
    spec = SimWorld().run(trial).series["pods.spec"]
    assert spec[0] == 1
    assert spec.max() >= 4
    assert spec[-1] < spec.max()


def test_a_pod_that_is_killed_loses_its_requests():
    """Without a preStop hook vLLM aborts what runs when it is told to stop."""
    subject = subject_of(NAMES[0])
    server = replace(subject.resolved.container, pre_stop_seconds=0.0)
    subject = replace(subject, resolved=replace(subject.resolved, container=server))
    rate = rates("spike", 3.0, 15.0)
    recording = SimWorld().run(trial_of(subject, rate, duration=900.0))
    lost = np.count_nonzero(recording.requests["status"] == Status.ABORTED)
    told = sum(e["count"] for e in recording.events if e["kind"] == "requests-aborted")
    assert lost == told > 0


def test_a_stock_out_keeps_pods_from_starting():
    """Cold nodes that can't be had leave pods pending until the stock-out ends."""
    nodes = {
        "warm": 1,
        "provisioning": "30s",
        "stockOuts": [{"start": "0s", "duration": "5m"}],
    }
    rate = rates("spike", 1.0, 12.0) | {"duration": "8m"}
    trial = trial_of(subject_of(NAMES[0]), rate, duration=540.0, cluster={"nodes": nodes})
    series = SimWorld().run(trial).series
    early = series["pods.time_seconds"] < 300.0
    assert series["pods.bound"][early].max() == 1
    assert series["pods.created"][early].max() > 1
    assert series["pods.bound"].max() > 1
