"""A probe's worker and its ticks, as pkg/kubelet/prober/worker.go has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.policy.manifests import ProbeDocument
from scalecert.worlds.local.node_agent.probe_worker import ProbeKind, ProbeWorker, Ticker

PROBE = ProbeDocument(initial_delay_seconds=3, success_threshold=2, failure_threshold=3)


def worker(kind: ProbeKind, probe: ProbeDocument = PROBE) -> ProbeWorker:
    return ProbeWorker(kind, probe)


@pytest.mark.parametrize("kind", ["startup", "readiness", "liveness"])
def test_nothing_is_asked_before_the_initial_delay(kind: ProbeKind):
    """Whole seconds of a container that runs: 2.9 of them are two."""
    started = kind != "startup"
    assert not worker(kind).is_due(running_seconds=None, started=started)
    assert not worker(kind).is_due(running_seconds=2.9, started=started)
    assert worker(kind).is_due(running_seconds=3.0, started=started)


def test_the_startup_probe_comes_before_the_others():
    """It asks until the container has started, they from then on."""
    assert worker("startup").is_due(running_seconds=9.0, started=False)
    assert not worker("startup").is_due(running_seconds=9.0, started=True)
    for kind in ("readiness", "liveness"):
        assert not worker(kind).is_due(running_seconds=9.0, started=False)
        assert worker(kind).is_due(running_seconds=9.0, started=True)


def test_a_verdict_needs_as_many_answers_as_its_threshold():
    """In a row: one of the other sort begins anew."""
    one = worker("readiness")
    answers = [True, False, True, True, False, False, True, False, False, False, False]
    verdicts = [one.observe(answer) for answer in answers]
    assert verdicts == [None, None, None, True, None, None, None, None, None, False, False]


@pytest.mark.parametrize(
    ("kind", "answer", "holds"),
    [
        ("startup", True, True),
        ("startup", False, True),
        ("liveness", False, True),
        ("liveness", True, False),
        ("readiness", False, False),
    ],
)
def test_who_has_come_to_a_conclusion_asks_no_more(kind: ProbeKind, answer: bool, holds: bool):
    """Until the container is another one."""
    one = worker(kind, ProbeDocument(failure_threshold=1))
    one.observe(answer)
    assert one.on_hold is holds
    assert one.is_due(running_seconds=9.0, started=kind != "startup") is not holds
    one.of_new_container()
    assert one.is_due(running_seconds=9.0, started=kind != "startup")


@given(
    answers=st.lists(st.booleans(), max_size=40),
    success=st.integers(1, 4),
    failure=st.integers(1, 4),
)
@settings(max_examples=60, derandomize=True)
def test_a_verdict_is_what_the_last_answers_say(answers: list[bool], success: int, failure: int):
    """There is one exactly where the last answers, as many as the threshold, are all alike."""
    one = worker("readiness", ProbeDocument(success_threshold=success, failure_threshold=failure))
    for count, answer in enumerate(answers, start=1):
        wanted = success if answer else failure
        same = count >= wanted and set(answers[count - wanted : count]) == {answer}
        assert one.observe(answer) is (answer if same else None)


@given(
    start=st.integers(0, 100),
    period=st.integers(1, 30),
    waits=st.lists(st.integers(0, 90), max_size=20),
)
@settings(max_examples=60, derandomize=True)
def test_ticks_keep_their_phase(start: int, period: int, waits: list[int]):
    """However late one asks, a tick is a whole number of periods after the start, never twice."""
    ticker, now, last = Ticker(start, period), float(start), start - period
    for wait in waits:
        now += wait
        due = ticker.next(now)
        assert (due - start) % period == 0
        assert due > last
        assert due > now - period
        now, last = max(now, due), int(due)


def test_a_reset_begins_a_new_phase():
    """The next tick is a period after it."""
    ticker = Ticker(0.0, 10.0)
    assert ticker.next(0.0) == 0.0
    ticker.reset(4.0)
    assert ticker.next(4.0) == 14.0
    assert ticker.next(14.0) == 24.0
