"""The whole program: a policy goes in, a certificate comes out, and it only goes one way.

    subjects     the user's manifests and choices -> one Subject per HPA
    record       Subject x Case -> Trials -> World -> Runs, on disk before anything is judged
    judge_runs   Runs -> Findings: each recording by itself (`judge`), then all together
    narrow       where the profile's error leaves a finding open: the runs that tell which part
    issue        Findings -> Certificate

Two doors lead here, the command line and the pytest plugin; neither adds to it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from scalecert.certificate.document import issue
from scalecert.checks.band import Judged
from scalecert.checks.billing import bill
from scalecert.checks.finding import Finding
from scalecert.checks.guard import guarded, undecided_corners
from scalecert.checks.judge import judge
from scalecert.checks.shipped import may_read_clairvoyant
from scalecert.documents import read_one_document
from scalecert.errors import UsageError
from scalecert.planning.prepare import prepare
from scalecert.planning.subject import Subject
from scalecert.policy.loading import load_policies
from scalecert.policy.model import Policy
from scalecert.policy.objective import resolve_objective
from scalecert.policy.resolve import resolve
from scalecert.recording import store
from scalecert.recording.plan import Given, Provenance, Variation
from scalecert.recording.runs import RecordedRun, Runs
from scalecert.recording.variations import alone, guard_band, nominal
from scalecert.workload.override import WorkloadFile, load_workload
from scalecert.worlds.base import World
from scalecert.worlds.opening import (
    DEFAULT_INSTANCE,
    check_policy,
    check_scenario,
    check_world,
    on_the_clock,
    open_world,
    prepare_world,
)
from scalecert.worlds.sim import SimWorld

if TYPE_CHECKING:
    from scalecert.suite import Case

__all__ = [
    "Inputs",
    "Runs",
    "Subject",
    "check_cases",
    "issue",
    "judge",
    "judge_runs",
    "narrow",
    "on_the_clock",
    "open_world",
    "prepare_world",
    "record",
    "recorded",
    "run_seconds",
    "subjects",
]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the user gave: manifests, and what overrides or completes them.

    `price_per_hour` is of one accelerator, `capacity_per_second` of one replica (measured);
    `time_lapse` is how many seconds of a run pass in one of the clock, `instance` names one of
    several worlds on this machine; `quick` asks for one run per scenario instead of the guard band.
    """

    policies: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    objective: str | None = None
    profile: str | None = None
    workload: str | None = None
    price_per_hour: float | None = None
    capacity_per_second: float | None = None
    seed: int = 1
    world: str = "sim"
    time_lapse: int = 1
    instance: str = DEFAULT_INSTANCE
    quick: bool = False


def subjects(inputs: Inputs) -> tuple[Subject, ...]:
    """Return what is to be certified, one subject per HPA.

    Raises:
        UsageError: if anything that the user gave can't be used.
    """
    check_world(inputs.world, inputs.time_lapse)
    _check_figure("--price", inputs.price_per_hour, "0 or more", least=0.0)
    _check_figure("--capacity", inputs.capacity_per_second, "more than 0", least=sys.float_info.min)
    policies = load_policies(inputs.policies, inputs.settings)
    for policy in policies:
        check_policy(inputs.world, policy, inputs.time_lapse)
    workload = load_workload(inputs.workload) if inputs.workload else None
    return tuple(_subject(policy, inputs, workload) for policy in policies)


def check_cases(inputs: Inputs, cases: Iterable[Case]) -> None:
    """Refuse cases whose conditions the world can't have, before the first of them is run.

    Raises:
        UsageError: naming the scenario's file and line.
    """
    for case in cases:
        document = read_one_document(case.path, "Scenario")
        check_scenario(inputs.world, document, case.scenario, inputs.time_lapse)


def _check_figure(option: str, value: float | None, expected: str, *, least: float) -> None:
    if value is not None and not least <= value < math.inf:
        raise UsageError(f"found {value:g}, expected a number, {expected}", field=option)


def record(
    subject: Subject,
    case: Case,
    recordings: Path,
    *,
    world: World | None = None,
    workers: Executor | None = None,
) -> Runs:
    """Run one case, its whole guard band, and keep the recordings in `recordings/<scenario-id>/`.

    Args:
        subject: the policy; of a quick one only the first run is made.
        case: the case.
        recordings: the folder of the certificate's recordings.
        world: the open world to run in (`open_world`); virtual time if None.
        workers: processes to run in, for virtual time alone; without them it is done here, one run
            after the other.

    Raises:
        UsageError: if the scenario can't be planned for this policy.
        EnvironmentFault: if the world broke.
    """
    order = _Order(subject, case, recordings / case.id, world or SimWorld())
    return Runs(_recorded(order, _band(subject), workers))


def _band(subject: Subject) -> tuple[Variation, ...]:
    """Return the runs of each case: the guard band, or its first."""
    band = guard_band(subject.seed, subject.errors)
    return band[:1] if subject.quick else band


def run_seconds(subject: Subject, case: Case) -> tuple[float, ...]:
    """Return how long each run of a case takes, in seconds of the run."""
    return (float(case.scenario.spec.duration),) * len(_band(subject))


def narrow(
    subject: Subject,
    case: Case,
    runs: Runs,
    findings: Sequence[Finding],
    *,
    world: World | None = None,
    workers: Executor | None = None,
) -> Runs:
    """Return the runs with those that tell which part of the profile's error a finding hangs on.

    The same runs if no finding hangs on it.
    """
    further = [
        variation
        for corner in undecided_corners(findings)
        for variation in alone(corner, subject.seed, subject.errors)
    ]
    order = _Order(subject, case, runs.folders[0].parent, world or SimWorld())
    return Runs((*runs.folders, *_recorded(order, further, workers)))


@dataclass(frozen=True, slots=True)
class _Order:
    """One case under one policy, and where its recordings go: what a worker is told."""

    subject: Subject
    case: Case
    folder: Path
    world: World

    def record(self, variation: Variation) -> Path:
        """Make one run and return its recording's folder."""
        subject, case = self.subject, self.case
        first = variation == nominal(subject.seed)
        ids = [request.id for request in case.scenario.spec.checks]
        folder = self.folder / variation.name
        try:
            trial = prepare(
                subject,
                case.scenario,
                case.path.parent,
                case.suite,
                variation,
                clairvoyant=first and not subject.quick and may_read_clairvoyant(ids),
            )
        except UsageError as error:
            place = "--workload" if subject.workload else str(case.path)
            raise (error if first else error.in_run(variation.name)).in_file(place) from error
        store.save(self.world.run(trial), folder)
        return folder


def _recorded(
    order: _Order, variations: Sequence[Variation], workers: Executor | None
) -> tuple[Path, ...]:
    spread = map if workers is None or len(variations) < 2 else workers.map
    return tuple(spread(order.record, variations))


def judge_runs(runs: Runs) -> tuple[Finding, ...]:
    """Return what the runs of one case say together."""
    return guarded([Judged(recording.plan, judge(recording)) for recording in runs])


def recorded(runs: Runs) -> tuple[RecordedRun, ...]:
    """Return the runs as a certificate knows them.

    Raises:
        UsageError: if a recording can't be read.
    """
    pairs = zip(runs, runs.folders, strict=True)
    return tuple(RecordedRun(one.plan, store.digest(folder), bill(one)) for one, folder in pairs)


def _subject(policy: Policy, inputs: Inputs, workload: WorkloadFile | None) -> Subject:
    resolved = resolve(policy, inputs.profile)
    objective = resolve_objective(policy, inputs.objective)
    profile = resolved.profile.spec
    price = profile.price.per_hour / profile.accelerator.count
    if inputs.price_per_hour is not None:
        price = inputs.price_per_hour
    return Subject(
        policy=policy,
        resolved=resolved,
        objective=objective.terms,
        provenance=(
            Provenance("policy", policy.name, policy.file),
            Provenance("objective", objective.text(), objective.source),
            *resolved.provenance,
            Provenance(
                "price",
                f"{price:g} {profile.price.currency} per accelerator and hour",
                profile.price.source if inputs.price_per_hour is None else "--price",
            ),
            *_workload_provenance(inputs),
        ),
        seed=inputs.seed,
        world=inputs.world,
        price_per_hour=price,
        currency=profile.price.currency,
        workload=workload.spec if workload else None,
        workload_folder=Path(inputs.workload).parent if inputs.workload else None,
        capacity_per_second=inputs.capacity_per_second,
        quick=inputs.quick,
        given=_given(inputs),
    )


def _given(inputs: Inputs) -> Given:
    named = {field.name: getattr(inputs, field.name) for field in msgspec.structs.fields(Given)}
    return Given(**{**named, "settings": tuple(sorted(inputs.settings))})


def _workload_provenance(inputs: Inputs) -> Sequence[Provenance]:
    if inputs.workload is None:
        return (Provenance("workload", "as in each scenario", "suite"),)
    return (Provenance("workload", inputs.workload, "--workload"),)
