"""A pytest plugin: the pipeline without engine and world, for tests of what stands around it.

A policy is a file with the names of its HPAs. What judging finds is the scenario's title: verdicts
by check, `ttft-objective=fail slo-attainment=pass`, prefixed with an HPA's name where it is that
one's alone (`b:ttft-objective=fail`). Everything else is the real thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factories import make_plan, make_policy, make_recording, make_runs

from scalecert import pipeline
from scalecert.checks.finding import Finding, Verdict
from scalecert.errors import UsageError
from scalecert.recording import store
from scalecert.recording.runs import Runs


@dataclass(frozen=True)
class FakeSubject:
    """An HPA of the policy."""

    name: str
    inputs: Any


def subjects(inputs: Any) -> tuple[FakeSubject, ...]:
    """Return the HPAs named in the policy's file."""
    (policy,) = inputs.policies
    if not Path(policy).is_file():
        raise UsageError("no such file", file=policy)
    return tuple(FakeSubject(name, inputs) for name in Path(policy).read_text().split())


def record(subject: FakeSubject, case: Any, recordings: Path, **_: Any) -> Runs:
    """Save a recording made by hand as every run of a guard band."""
    if case.scenario.metadata.title == "unusable":
        raise UsageError("found 30 % of requests beyond the context", file=str(case.path))
    if case.scenario.metadata.title == "crash":
        raise ZeroDivisionError("a bug")
    plan = make_plan(
        scenario=case.scenario,
        suite=case.suite,
        policy=make_policy(name=subject.name),
        seed=subject.inputs.seed,
    )
    folders = []
    for run in make_runs(plan)[: 1 if subject.inputs.quick else None]:
        folders.append(recordings / case.id / run.plan.variation.name)
        store.save(make_recording(plan=run.plan), folders[-1])
    return Runs(tuple(folders))


def judge_runs(runs: Runs) -> tuple[Finding, ...]:
    """Return what the title says."""
    recording = runs.nominal
    metadata, name = recording.plan.scenario.metadata, recording.plan.policy.name
    words = [word.rpartition(":") for word in metadata.title.split()]
    return tuple(_finding(text, metadata.name) for owner, _, text in words if owner in ("", name))


def _finding(text: str, scenario: str) -> Finding:
    check, _, verdict = text.partition("=")
    return Finding(
        id=check,
        scenario=scenario,
        level="core",
        verdict=Verdict(verdict),
        measured=3.0,
        limit=2.0,
        unit="s",
        comparison="<=",
        message=f"{check} is what it is",
        next_step="" if verdict == "pass" else "do better",
    )


def narrow(subject: FakeSubject, case: Any, runs: Runs, *_: Any, **__: Any) -> Runs:
    """Leave it at the runs that there are."""
    return runs


for function in (subjects, record, judge_runs, narrow):
    setattr(pipeline, function.__name__, function)
