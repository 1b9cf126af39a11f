"""Worlds on the clock, as the command line has them: refused early, announced, never repeated."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import make_errors, make_plan, make_recording
from msgspec.structs import replace
from own_suites import PASSING, POLICY, WORDS, write_suite

from scalecert import pipeline
from scalecert.cli import child, progress
from scalecert.planning.subject import Subject
from scalecert.recording import store
from scalecert.recording.plan import WallClock
from scalecert.suite import load_suite

LONG = """\
import os, pathlib, threading

def test_long(request):
    try:
        os.write(int(request.config.getoption("scalecert_events")), b"{}\\n")
        while True:  # a signal just before a longer wait would not end it
            threading.Event().wait(0.05)
    finally:
        pathlib.Path(__file__).with_name("closed").touch()
"""
Run = Callable[..., subprocess.CompletedProcess[str]]
LOCAL = ("--world", "local")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--time-lapse", "3"), "--time-lapse: found 3 with --world sim, expected --world local"),
        ((*LOCAL, "--time-lapse", "4"), "--time-lapse: found 4, expected one of 1, 3, 5"),
        ((*LOCAL, "--jobs", "2"), "--jobs: found 2 with --world local, expected none"),
        (("--world", "moon"), "--world: found 'moon', expected one of sim, local"),
    ],
)
def test_what_worlds_do_not_have(here: Run, tmp_path: Path, words, said) -> None:
    """One line and exit code 2, before anything starts or is written."""
    done = here("certify", POLICY, *WORDS, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"scalecert: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="world local needs Linux")
@pytest.mark.parametrize("command", ["certify", "run"])
def test_a_policy_that_can_not_be_hurried_is_refused_at_once(here: Run, command: str) -> None:
    """File, line and field of the first second that does not divide, and what the policy can."""
    text = POLICY.read_text(encoding="utf-8")
    assert "periodSeconds: 5" in text
    scenario = () if command == "certify" else ("steady", "--policy")
    done = here(command, *scenario, POLICY, *WORDS, *LOCAL, "--time-lapse", "3")
    assert done.returncode == 2
    assert f"{POLICY}:" in done.stderr
    assert "--time-lapse 3 needs a multiple of 3" in done.stderr
    assert "--time-lapse 1 or 5" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="world local needs Linux")
@pytest.mark.parametrize("command", ["certify", "run"])
def test_a_scenario_that_the_world_can_not_have_is_refused_at_once(
    here: Run, tmp_path: Path, command: str
) -> None:
    """The last case of a suite is not found out after an hour of others."""
    suite = write_suite(tmp_path / "own", blind=PASSING, calm=PASSING)
    file = suite / "blind.yaml"
    outage = "  cluster: {metrics: {outages: [{part: scrape, start: 30s, duration: 30s}]}}\n"
    file.write_text(file.read_text() + outage)
    what = (POLICY, "--suite", suite) if command == "certify" else (file, "--policy", POLICY)
    done = here(command, *what, *WORDS, *LOCAL)
    assert done.returncode == 2
    assert f"{file}:" in done.stderr
    assert "spec.cluster.metrics.outages[0].part: found scrape" in done.stderr


@pytest.fixture
def subject() -> Subject:
    (found,) = pipeline.subjects(
        pipeline.Inputs((str(POLICY),), objective="ttft_p95=2s", capacity_per_second=1.8)
    )
    return found


def test_how_long_a_suite_takes_is_said_before(subject: Subject, tmp_path: Path) -> None:
    """Durations times the runs of the guard band, over the time lapse; a quick one has one."""
    suite = load_suite(write_suite(tmp_path / "own", calm=PASSING, busy=PASSING))
    clock = pipeline.Inputs((str(POLICY),), world="local", time_lapse=5)
    assert progress.clock_lines(clock, suite, [subject]) == [
        "--world local: 10 runs take 4 min or more on the clock (--quick: 48 s)"
    ]
    quick = [dataclasses.replace(subject, quick=True)]
    assert progress.clock_lines(clock, suite, quick) == [
        "--world local: 2 runs take 48 s or more on the clock"
    ]
    assert progress.clock_lines(pipeline.Inputs((str(POLICY),)), suite, [subject]) == []


def test_each_run_on_the_clock_is_announced(
    subject: Subject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario takes minutes: which of its runs goes on, and for how long, is on stderr."""
    suite = load_suite(write_suite(tmp_path / "own", calm=PASSING))
    clock = pipeline.Inputs((str(POLICY),), world="local", time_lapse=3)
    shown = progress.Progress(clock, suite, [subject])
    event = {"subject": subject.name, "scenario": "calm"}
    shown.show({"begins": "seed-1", "seconds": 400.0, **event})
    shown.show({"begins": "slow", "seconds": 400.0, **event})
    shown.show({"verdict": "pass", "problem": None, "usage": False, **event})
    assert capsys.readouterr().err.splitlines() == [
        "suite own 0: vllm-num-requests-running",
        "--world local: 5 runs take 3 min 20 s or more on the clock (--quick: 40 s)",
        "[1/1] calm, run seed-1: 6 min 40 s",
        "[1/1] calm, run slow: 6 min 40 s",
        "[1/1] calm: pass",
    ]


def test_recordings_of_two_worlds_make_no_certificate(here: Run, tmp_path: Path) -> None:
    """Judging again refuses what was recorded partly in virtual time, partly on the clock."""
    plan = replace(make_plan(), engine=replace(make_plan().engine, errors=make_errors()))
    local = replace(plan, world="local", wall_clock=WallClock(time_lapse=3))
    for name, one in (("ramp", plan), ("steady", local)):
        scenario = replace(one.scenario, metadata=replace(one.scenario.metadata, name=name))
        folder = tmp_path / "out" / "recordings" / name / "seed-1"
        store.save(make_recording(plan=replace(one, scenario=scenario)), folder)
    done = here("recheck", "out")
    assert done.returncode == 2
    assert "found recordings of different worlds, those of ramp and steady" in done.stderr


def test_a_run_on_the_clock_is_not_repeated(here: Run, tmp_path: Path) -> None:
    """Its times never come out the same twice, so `--rerun` says that it can't check."""
    here("certify", POLICY, *WORDS, "--suite", write_suite(tmp_path / "own", calm=PASSING))
    file = tmp_path / "out" / "certificate.json"
    document = json.loads(file.read_text())
    document["spec"]["world"] = "local"
    file.write_text(json.dumps(document))
    done = here("verify", "out/certificate.json", "--rerun")
    (line,) = [one for one in done.stdout.splitlines() if " rerun " in one]
    assert line.startswith("not checked")
    assert "runs of world local take their course on the clock, each time anew" in line


@pytest.mark.parametrize("ignored", [signal.SIG_IGN, signal.SIG_DFL], ids=["background", "plain"])
def test_an_interrupted_child_may_close_its_world(tmp_path: Path, ignored: signal.Handlers) -> None:
    """With a grace it is interrupted first, and ends by itself: what it has open is closed.

    Also where a shell has it run in the background, and Ctrl-C is ignored.
    """
    test = tmp_path / "test_long.py"
    test.write_text(LONG)

    def interrupt(_event: dict) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, ignored)
    try:
        with (tmp_path / "log").open("wb") as log, pytest.raises(KeyboardInterrupt):
            child.run(
                child.command([test], ["-q"]),
                log,
                interrupt,
                held=log.fileno(),
                grace_seconds=20.0,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "closed").exists(), (tmp_path / "log").read_text()
