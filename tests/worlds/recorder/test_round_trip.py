"""The recorder's law: from what a perfect world of real processes writes comes sim's recording."""

from __future__ import annotations

import math

import numpy as np
import pytest
from factories import make_scenario
from policies.shipped import shipped
from worlds.recorder.perfect_world import WatchedSim, refused_seconds

from scalecert.pipeline import Inputs, subjects
from scalecert.planning.prepare import prepare
from scalecert.recording.plan import SuiteRef
from scalecert.worlds.recorder import record
from scalecert.worlds.recorder.run_clock import RunClock

T0_UNIX = 1_795_404_000.25
TOLERANCE_SECONDS = 5e-5
"""Unix times have a resolution of 0.24 µs, the controller's log one of 1 µs, and a perfect world's
pods change 5 µs after a sync; times the time lapse."""
ON_THE_WAY_SECONDS = 0.25
"""A request has left its server, and its client does not know it yet, for less than this."""


def trial_of(name, *, rate, cluster=None, duration=600.0, seed=1):
    tried = shipped()[name]
    inputs = Inputs(
        (str(tried.policy),),
        dict(tried.settings),
        tried.objective,
        capacity_per_second=1.8,
        seed=seed,
    )
    (subject,) = subjects(inputs)
    sizes = {"distribution": "uniform", "low": 32, "high": 160}
    scenario = make_scenario(
        checks=[{"id": "no-request-lost"}],
        duration=duration,
        workload={"rate": rate, "sizes": {"input": sizes, "output": sizes}},
        cluster=cluster or {},
    )
    return prepare(subject, scenario, tried.policy.parent, SuiteRef("test", "0", ""))


def spike(base, peak):
    return {"shape": "spike", "base": base, "peak": peak, "start": "1m", "duration": "4m"}


def round_trip(trial, tmp_path, monkeypatch, time_lapse=1):
    """Return sim's recording and the recorder's of the same run."""
    world = WatchedSim(trial, RunClock(T0_UNIX, time_lapse), monkeypatch)
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
def test_every_shipped_policy_comes_back(name, tmp_path, monkeypatch):
    """Series and events are those of sim, whatever the engine, the adapter and the metric."""
    trial = trial_of(name, rate=spike(1.0, 12.0))
    expected, found = round_trip(trial, tmp_path, monkeypatch, time_lapse=5)
    assert_same(expected, found)
