"""Mean time per token leaves queueing out: its finding says so, and never passes on a guess."""

from __future__ import annotations

import numpy as np
import pytest
from checks.mutant_table import BASES, bases
from factories import find_one, make_recording, make_requests, make_window
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.queueing import queueing
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import ObjectiveTerm

CHECK = "mean-time-per-token"
TERM = ObjectiveTerm("mean_time_per_token", 0.95, 0.3)
TTFT = ObjectiveTerm("ttft", 0.95, 2.0)
E2E = ObjectiveTerm("e2e", 0.99, 60.0)


def queued(seconds: float, *beside: ObjectiveTerm, **columns: np.ndarray) -> Recording:
    """Return a run whose requests wait so long in the queue and are answered 3 s later."""
    arrivals = np.arange(0.0, 1000.0, 1.0)
    facts = {
        "scheduled_seconds": arrivals + seconds,
        "first_token_seconds": arrivals + seconds + 0.5,
        "last_token_seconds": arrivals + seconds + 3.0,
    }
    return make_recording(
        requests=make_requests(arrivals, **{**facts, **columns}), objective=(TERM, *beside)
    )


def finding(recording: Recording) -> Finding:
    found = find_one(recording, CHECK)
    assert found is not None
    return found


def test_an_hour_in_the_queue_passes_and_is_said() -> None:
    """3 s for 128 tokens; what was left out of it, and what judges that, stand beside."""
    found = finding(queued(3600.0, TTFT))
    assert found.verdict is Verdict.PASS
    assert found.measured == pytest.approx(3.0 / 128)
    assert found.message == (
        "Mean time per token p95 is 23.4 ms over 1,000 judged requests; queueing is left out:"
        " 99.9 % of the end-to-end time, p95 60 min; ttft_p95=2s judges it"
    )
    assert found.evidence["queueingShare"] == pytest.approx(3600 / 3603)
    assert found.evidence["queueingP95Seconds"] == pytest.approx(3600.0)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ((), "; a limit of ttft or e2e would judge it"),
        ((ObjectiveTerm("tpot", 0.95, 0.1),), "; a limit of ttft or e2e would judge it"),
        ((E2E,), "; e2e_p99=60s judges it"),
        ((TTFT, E2E), "; ttft_p95=2s and e2e_p99=60s judge it"),
    ],
)
def test_it_names_what_judges_queueing(beside: tuple[ObjectiveTerm, ...], words: str) -> None:
    """The objective's own terms from arrival, else those that it could have."""
    assert finding(queued(1.0, *beside)).message.endswith(words)


def test_a_failure_says_it_too() -> None:
    """Slow tokens are slow, however short the queue."""
    arrivals = np.arange(0.0, 1000.0, 1.0)
    found = finding(queued(1.0, TTFT, last_token_seconds=arrivals + 129.0))
    assert (found.verdict, found.measured) == (Verdict.FAIL, 1.0)
    assert "queueing is left out: 0.775 % of the end-to-end time, p95 1 s" in found.message


def test_the_queue_is_measured_where_the_objective_is_judged() -> None:
    """A queue inside a recovery window is that of the window."""
    arrivals = np.arange(0.0, 1000.0, 1.0)
    waits = np.where((arrivals >= 100) & (arrivals < 300), 50.0, 0.0)
    recording = queued(0.0, TTFT, **{
        name: arrivals + waits + after
        for name, after in (
            ("scheduled_seconds", 0.0), ("first_token_seconds", 0.5), ("last_token_seconds", 3.0),
        )
    })  # fmt: skip
    assert queueing(recording).p95_seconds == 50.0
    windowed = make_recording(
        requests=recording.requests,
        objective=recording.plan.objective,
        windows=(make_window(100.0, 300.0, 1.0, 2.0),),
    )
    assert queueing(windowed).share == 0.0


def test_where_nothing_was_answered_there_is_no_share() -> None:
    """Nothing divided by nothing is not said."""
    requests = queued(1.0).requests
    lost = np.full(len(requests["status"]), Status.ABORTED, np.int8)
    found = finding(queued(1.0, TTFT, status=lost))
    assert found.verdict is Verdict.FAIL
    assert "; queueing is left out; ttft_p95=2s judges it" in found.message


def unknown(recording: Recording, first: slice, value: float) -> dict[str, np.ndarray]:
    changed = {name: column.copy() for name, column in recording.requests.items()}
    changed["scheduled_seconds"][first] = value
    return changed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 1e6])
@pytest.mark.parametrize("first", [slice(None, 1), slice(None)])
def test_an_end_of_queueing_that_is_unknown_or_impossible_is_no_pass(
    value: float, first: slice
) -> None:
    """Of one answered request or of all: no clock of the server's, or one that is off."""
    sound = queued(1.0, TTFT)
    recording = make_recording(
        requests=unknown(sound, first, value), objective=sound.plan.objective
    )
    found = finding(recording)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "nobody knows when they left the queue" in found.message
    by_id = {CHECK: found, "slo-attainment": find_one(recording, "slo-attainment")}
    assert {one.verdict for one in by_id.values() if one} == {Verdict.INCONCLUSIVE}
    other = find_one(recording, "ttft-objective")
    assert other is not None
    assert other.verdict is Verdict.PASS


def test_a_recording_without_the_column_is_no_pass() -> None:
    """An earlier release's, or of a world that can't tell; other terms are judged as ever."""
    sound = queued(1.0, TTFT)
    older = {name: one for name, one in sound.requests.items() if name != "scheduled_seconds"}
    recording = make_recording(requests=older, objective=sound.plan.objective)
    assert finding(recording).verdict is Verdict.INCONCLUSIVE
    assert "does not say when requests left the queue" in finding(recording).message
    other = find_one(recording, "ttft-objective")
    assert other is not None
    assert other.verdict is Verdict.PASS


def test_what_was_never_answered_needs_no_end_of_queueing() -> None:
    """Three of a hundred refused: late, and a p95 allows as many."""
    sound = queued(1.0, TTFT)
    requests = unknown(sound, slice(None, 30), np.nan)
    requests["last_token_seconds"][:30] = np.nan
    requests["status"][:30] = Status.REJECTED
    found = finding(make_recording(requests=requests, objective=sound.plan.objective))
    assert (found.verdict, found.evidence["neverAnswered"]) == (Verdict.PASS, 30)


@pytest.mark.parametrize("base", BASES)
def test_a_simulated_run_knows_it_of_every_answered_request(base: str) -> None:
    """Between arrival and first token; a backlog is a queue, and calm servers have next to none."""
    requests = bases()[base].requests
    answered = requests["status"] == Status.OK
    arrival, scheduled = requests["arrival_seconds"], requests["scheduled_seconds"]
    assert (arrival[answered] <= scheduled[answered]).all()
    assert (scheduled[answered] < requests["first_token_seconds"][answered]).all()
    assert np.isnan(scheduled[~answered]).all()
    waits = scheduled[answered] - arrival[answered]
    assert np.median(waits) < 0.1
    assert bool(waits.max() > 10.0) == (base == "spike")


@settings(max_examples=60, derandomize=True, deadline=None)
@given(waits=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40))
def test_the_share_is_of_all_the_time_and_at_most_all_of_it(waits: list[float]) -> None:
    """Sum of the waits over sum of the end-to-end times."""
    arrivals, waited = np.arange(len(waits), dtype=float), np.array(waits)
    times = {
        "scheduled_seconds": arrivals + waited,
        "first_token_seconds": arrivals + waited,
        "last_token_seconds": arrivals + waited + 2.0,
    }
    found = queueing(make_recording(requests=make_requests(arrivals, **times), objective=(TERM,)))
    assert found.share == pytest.approx(waited.sum() / (waited.sum() + 2.0 * len(waits)))
    assert found.p95_seconds in (pytest.approx(wait, abs=1e-9) for wait in waits)
