"""The recorder's law: from what a perfect world of real processes writes comes sim's recording."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policies.known_bad import known_bad
from policies.shipped import shipped
from worlds.recorder.perfect_world import WatchedSim, refused_seconds
from worlds.recorder.trials import SPIKE, trial_of

from scalecert.worlds.recorder import record
from scalecert.worlds.recorder.run_clock import RunClock

T0_UNIX = 1_795_404_000.25
TOLERANCE_SECONDS = 5e-5
"""Unix times have a resolution of 0.24 µs, the controller's log one of 1 µs, and a perfect world's
pods change 5 µs after a sync; times the time lapse."""
ON_THE_WAY_SECONDS = 0.25
"""A request has left its server, and its client does not know it yet, for less than this."""


def round_trip(trial, tmp_path, time_lapse=1):
    """Return sim's recording and the recorder's of the same run."""
    world = WatchedSim(trial, RunClock(T0_UNIX, time_lapse))
    expected = world.run()
    found = record(
        trial,
        t0_unix=T0_UNIX,
        time_lapse=time_lapse,
        logs=world.written.logs(tmp_path),
        observed=world.written.observed(),
        requests=expected.requests,
        refused_seconds=refused_seconds(expected),
    )
    return expected, found


def assert_same(expected, found):
    assert list(found.series) == list(expected.series)
    series = settled(found.series)
    for name, column in expected.series.items():
        if name == "engine.outstanding":
            assert_outstanding(expected, found)
            continue
        timed = name.endswith("_seconds")
        np.testing.assert_allclose(
            series[name],
            column,
            rtol=0.0,
            atol=TOLERANCE_SECONDS if timed else 0.0,
            err_msg=name,
        )
    assert [strip(one) for one in told(found)] == [strip(one) for one in told(expected)]
    for one, other in zip(told(found), told(expected), strict=True):
        assert math.isclose(one["time"], other["time"], abs_tol=TOLERANCE_SECONDS), (one, other)
    assert refusals(found) == refusals(expected)


def settled(series):
    """Return the series without the counts of pods between a sync and what it scales."""
    times = series["pods.time_seconds"]
    last = np.append(np.diff(times) > TOLERANCE_SECONDS, True)
    return {
        name: column[last] if name.startswith("pods.") else column
        for name, column in series.items()
    }


def assert_outstanding(expected, found):
    """A server is done with a request a moment before its client is."""
    ended = expected.requests["last_token_seconds"]
    rows = zip(
        expected.series["engine.time_seconds"],
        expected.series["engine.outstanding"],
        found.series["engine.outstanding"],
        strict=True,
    )
    for now, in_servers, at_clients in rows:
        on_the_way = np.count_nonzero((ended > now) & (ended < now + ON_THE_WAY_SECONDS))
        assert in_servers <= at_clients <= in_servers + on_the_way, now


def told(recording):
    """Return the events without refusals, which sim tells in batches of its own."""
    return [event for event in recording.events if event["kind"] != "requests-refused"]


def strip(event):
    return {key: value for key, value in event.items() if key != "time"}


def refusals(recording):
    return sum(e["count"] for e in recording.events if e["kind"] == "requests-refused")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_policy_comes_back(name, tmp_path):
    """Series and events are those of sim, whatever the engine, the adapter and the metric."""
    expected, found = round_trip(trial_of(shipped()[name]), tmp_path, time_lapse=5)
    assert_same(expected, found)


@pytest.mark.parametrize("case", known_bad().cases, ids=lambda case: case.id)
def test_every_known_failure_comes_back(case, tmp_path):
    """Metrics that do not exist, vanish or can't be computed leave the same rows and words."""
    expected, found = round_trip(trial_of(case.tried(case.bad)), tmp_path)
    assert_same(expected, found)


def outage(part):
    """Return conditions under which a part of the pipeline is down for two minutes."""
    return {"metrics": {"outages": [{"part": part, "start": "2m", "duration": "2m"}]}}


@pytest.mark.parametrize(
    ("cluster", "kind"),
    [
        (outage("adapter"), "canary"),
        (outage("scrape"), "scale"),
        ({"nodes": {"warm": 1, "provisioning": "40s"}}, "pod-bound"),
        ({"controllers": {"syncPeriod": "30s", "tolerance": 0.05}}, "scale"),
        ({"routing": "least-outstanding"}, "scale"),
    ],
    ids=["adapter", "scrape", "nodes", "flags", "routing"],
)
@pytest.mark.parametrize("name", ["vllm-num-requests-running", "tgi-batch-current-size"])
def test_other_conditions_come_back(name, cluster, kind, tmp_path):
    """Outages, late nodes and other flags of the controller."""
    trial = trial_of(shipped()[name], cluster=cluster, seed=3)
    expected, found = round_trip(trial, tmp_path, time_lapse=3)
    assert_same(expected, found)
    assert kind in {event["kind"] for event in expected.events}


@settings(derandomize=True, max_examples=20, deadline=None)
@given(
    name=st.sampled_from(sorted(shipped())),
    rates=st.tuples(st.floats(0.0, 4.0), st.floats(0.1, 20.0)),
    warm=st.none() | st.integers(1, 4),
    bounds=st.tuples(st.integers(1, 3), st.integers(3, 9)),
    seed=st.integers(1, 5),
    time_lapse=st.sampled_from([1, 3, 5]),
)
def test_any_run_comes_back(name, rates, warm, bounds, seed, time_lapse):
    """Whatever the load, the bounds of the policy, the nodes and the seed."""
    rate = SPIKE | {"base": round(rates[0], 3), "peak": round(rates[1], 3)}
    cluster = {"nodes": {"warm": warm, "provisioning": "60s"}}
    trial = trial_of(
        shipped()[name], rate=rate, cluster=cluster, duration=360.0, seed=seed, bounds=bounds
    )
    with TemporaryDirectory() as folder:
        expected, found = round_trip(trial, Path(folder), time_lapse)
    assert_same(expected, found)


def test_requests_that_are_lost_come_back(tmp_path):
    """Who aborted them, how many they were, and when."""
    trial = trial_of(shipped()["vllm-num-requests-running"], duration=900.0, pre_stop_seconds=0.0)
    expected, found = round_trip(trial, tmp_path)
    assert "requests-aborted" in {event["kind"] for event in expected.events}
    assert_same(expected, found)


def test_requests_that_are_refused_come_back(tmp_path):
    """A pod without readiness probe gets requests before its server listens."""
    trial = trial_of(shipped()["vllm-num-requests-running"], readiness=None, startup=None)
    expected, found = round_trip(trial, tmp_path)
    assert refusals(expected) > 0
    assert_same(expected, found)
