"""Checks held to the table of mutants: the sound recordings, what is expected, and what is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec
from checks.mutants import EVERYTHING, EVERYTHING_ELSE, MUTANTS, SMALL_SPIKE, Mutant
from checks.mutations import with_plan
from factories import make_scenario

from scalecert import pipeline
from scalecert.checks.finding import Verdict
from scalecert.checks.judge import judge
from scalecert.checks.load import GENERATOR_ON_TIME
from scalecert.checks.shipped import shipped
from scalecert.planning.prepare import prepare
from scalecert.recording.model import Recording
from scalecert.recording.plan import ClairvoyantMinimum
from scalecert.scenario.model import Scenario
from scalecert.suite import find_case
from scalecert.units import Duration
from scalecert.workload.model import Spike
from scalecert.workload.stated_rate import Rate
from scalecert.worlds.sim import SimWorld

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "fixtures/policies/vllm-num-requests-running.yaml"
OBJECTIVE = "ttft_p95=2s,tpot_p95=100ms,mean_time_per_token_p98=105ms,e2e_p95=16s"
"""Four terms, so that each check of latency has one; E2E is just above the 15 s of the bases."""

CAPACITY_PER_SECOND = 1.8
"""Of one replica under this objective. Pinned, so that the bases take no search."""

BASES = ("steady", "ramp", "spike", "idle-load-idle", SMALL_SPIKE)


def check_ids() -> tuple[str, ...]:
    """Return the ids of the checks that ship, in the order of the reference."""
    return tuple(check.id for check in shipped())


@cache
def bases() -> Mapping[str, Recording]:
    """Return real recordings of a shipped policy; every check that applies passes.

    They list every check that ships, whatever their scenario asks for.
    """
    inputs = pipeline.Inputs(
        policies=(str(POLICY),), objective=OBJECTIVE, capacity_per_second=CAPACITY_PER_SECOND
    )
    (subject,) = pipeline.subjects(inputs)
    found = {}
    for name in BASES:
        case = find_case("spike" if name == SMALL_SPIKE else name)
        scenario = _small_spike(case.scenario) if name == SMALL_SPIKE else case.scenario
        trial = prepare(subject, scenario, case.path.parent, case.suite)
        found[name] = listing(_with_clairvoyant(SimWorld().run(trial)), check_ids())
    return found


def _with_clairvoyant(recording: Recording) -> Recording:
    """Return the recording with the fluid minimum, its lower bound, as the clairvoyant's."""
    fluid = recording.plan.fluid_minimum
    stand_in = ClairvoyantMinimum(
        bin_seconds=fluid.bin_seconds,
        replicas=fluid.replicas,
        starts=0,
        replica_seconds=sum(fluid.replicas) * fluid.bin_seconds,
        method="the fluid minimum stands in for the search",
    )
    return with_plan(recording, clairvoyant_minimum=stand_in)


def _small_spike(scenario: Scenario) -> Scenario:
    rate = Spike(
        base=Rate.decode("0.2 max"),
        peak=Rate.decode("0.4 max"),
        start=Duration(300.0),
        duration=Duration(1200.0),
    )
    workload = msgspec.structs.replace(scenario.spec.workload, rate=rate)
    spec = msgspec.structs.replace(scenario.spec, workload=workload, duration=Duration(1800.0))
    metadata = msgspec.structs.replace(scenario.metadata, name=SMALL_SPIKE)
    return msgspec.structs.replace(scenario, metadata=metadata, spec=spec)


def listing(recording: Recording, checks: Iterable[str]) -> Recording:
    """Return the recording with a scenario that lists these checks, limits of its own kept."""
    scenario = recording.plan.scenario
    own = {request.id: request for request in scenario.spec.checks}
    requests = make_scenario(checks=list(checks)).spec.checks
    asked = tuple(own.get(request.id, request) for request in requests)
    spec = msgspec.structs.replace(scenario.spec, checks=asked)
    return with_plan(recording, scenario=msgspec.structs.replace(scenario, spec=spec))


@cache
def mutated(mutant: Mutant) -> Recording:
    """Return the recording of a mutant."""
    return mutant.change(bases()[mutant.base])


def verdicts(recording: Recording) -> dict[str, Verdict]:
    """Return what each check says; those that do not apply are not in it."""
    return {finding.id: finding.verdict for finding in judge(recording)}


@cache
def applicable(base: str) -> frozenset[str]:
    """Return the checks that have a finding on a base."""
    return frozenset(verdicts(bases()[base]))


def expected(mutant: Mutant, check: str) -> Verdict | None:
    """Return what a check has to say of a mutant, None for no finding."""
    if check not in applicable(mutant.base) or check in mutant.silent:
        return None
    if check in mutant.fails:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if _in_doubt(mutant, check) else Verdict.PASS


def _in_doubt(mutant: Mutant, check: str) -> bool:
    others = EVERYTHING_ELSE in mutant.inconclusive and check != GENERATOR_ON_TIME
    return others or EVERYTHING in mutant.inconclusive or check in mutant.inconclusive


def killed_by(check: str) -> list[Mutant]:
    """Return the mutants that a check alone has to notice, and not the judge for all of them."""
    gate = check == GENERATOR_ON_TIME
    return [
        mutant
        for mutant in MUTANTS
        if check in (*mutant.fails, *mutant.inconclusive)
        or (gate and EVERYTHING in mutant.inconclusive)
    ]


def deviations(check: str, mutants: Iterable[Mutant] = MUTANTS) -> Iterator[str]:
    """Yield where a check, as it is registered now, says other than the table has it."""
    for name in BASES:
        said = verdicts(listing(bases()[name], [check])).get(check)
        if said is not (Verdict.PASS if check in applicable(name) else None):
            yield f"{check} is {said} on the sound {name}"
    for mutant in mutants:
        said = verdicts(listing(mutated(mutant), [check])).get(check)
        if said is not expected(mutant, check):
            yield f"{check} is {said} on {mutant.name}, not {expected(mutant, check)}"
