"""The load of an arm in absolute terms: nothing of it is typed, all of it follows from the profile.

Rates in units of capacity are those of a replica that is saturated: the sources name no objective,
and what a server can do at most needs none.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from msgspec.structs import replace as changed

from published_report.claims import Arm
from published_report.figures import mean_replicas
from scalecert import pipeline
from scalecert.errors import UsageError
from scalecert.planning.prepare import prepare
from scalecert.planning.subject import Subject
from scalecert.planning.unit_of_load import unit_of_load
from scalecert.recording.intervals import Span
from scalecert.recording.model import Recording
from scalecert.suite import Case, find_suite
from scalecert.workload.model import ConstantRate, Shape, Spike
from scalecert.workload.override import WorkloadChange
from scalecert.workload.stated_rate import Rate
from scalecert.workload.tables import load_tables
from scalecert.worlds.sim import SimWorld

SUITE = "published"
SEARCH_SEEDS = (201, 202, 203)
"""Of the search for a load; those of the report count from 1."""
SEARCH_PRECISION = 0.01


def case_of(arm: Arm) -> Case:
    """Return the scenario that an arm is run in."""
    return next(case for case in find_suite(SUITE).cases if case.id == arm.scenario)


def subject_of(arm: Arm, objective: str) -> Subject:
    """Return an arm's policy, its unit of load a saturated replica."""
    inputs = pipeline.Inputs((str(arm.path),), arm.settings, objective, arm.profile)
    (subject,) = pipeline.subjects(inputs)
    case = case_of(arm)
    workload = case.scenario.spec.workload
    tables = load_tables(workload, case.path.parent)
    unit = unit_of_load(subject.resolved, subject.objective, workload, tables, 1.0)
    return replace(subject, capacity_per_second=unit.saturated_per_second)


def with_load(subject: Subject, case: Case, shape: Shape) -> Subject:
    """Return the subject under another shape of load, of the same requests."""
    workload = case.scenario.spec.workload
    return replace(subject, workload=WorkloadChange(workload.sizes, shape, workload.arrivals))


def from_base(shape: Shape, base_per_second: float) -> Spike:
    """Return a spike that begins at this rate and grows by as much as `shape` does.

    Raises:
        UsageError: if the shape is no spike: what settles is its base.
    """
    if not isinstance(shape, Spike):
        raise UsageError("found a load without a base to settle at, expected shape spike")
    growth = _number(shape.peak) / _number(shape.base)
    base, peak = (Rate(f"{rate:.6f}/s") for rate in (base_per_second, base_per_second * growth))
    return changed(shape, base=base, peak=peak)


def _number(rate: Rate) -> float:
    return rate.per_second(capacity_per_second=1.0, max_replicas=1)


def run(subject: Subject, case: Case, seed: int) -> Recording:
    """Return the recording of one run."""
    trial = prepare(replace(subject, seed=seed), case.scenario, case.path.parent, case.suite)
    return SimWorld().run(trial)


def settling_rate(arm: Arm, objective: str) -> float:
    """Return the lowest constant load, requests/s, at which an arm has `settles_at` replicas.

    Bisected to 1 % up to what maxReplicas serve at most. It has the mean of spec.replicas over the
    second half of a run of the scenario's length, and over three seeds.
    """
    subject, case = subject_of(arm, objective), case_of(arm)
    low, high = 0.0, subject.policy.hpa.max_replicas * (subject.capacity_per_second or 0.0)
    while high - low > SEARCH_PRECISION * high:
        middle = (low + high) / 2
        settled = settled_replicas(subject, case, middle)
        low, high = (middle, high) if settled < (arm.settles_at or 0) else (low, middle)
    return (low + high) / 2


def settled_replicas(subject: Subject, case: Case, rate_per_second: float) -> float:
    """Return the mean of spec.replicas in the second half of runs at a constant load."""
    loaded = with_load(subject, case, ConstantRate(Rate(f"{rate_per_second:.6f}/s")))
    end = float(case.scenario.spec.duration)
    runs = (run(loaded, case, seed) for seed in SEARCH_SEEDS)
    return fmean(mean_replicas(recording, Span(end / 2, end)) for recording in runs)
