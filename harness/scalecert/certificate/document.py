"""The Certificate document: the last stage of the flow, and what every report renders.

Modelled on Gateway API's ConformanceReport (kind, implementation, version, results with
statistics, core and extended apart). Later releases only add optional fields, so readers must
let fields pass that they don't know; the JSON Schema does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from scalecert.certificate.assurance import Assurance, assurance
from scalecert.certificate.efficiency import Efficiency, efficiencies
from scalecert.certificate.envelope import Envelope, envelope
from scalecert.certificate.guard import Guard, RecordingRef, by_scenario, guard, recordings
from scalecert.certificate.model_errors import ModelErrors, model_errors
from scalecert.certificate.not_proved import Unproved, not_proved
from scalecert.certificate.parts import CertificatePart, taken_from
from scalecert.certificate.wall_clock import ClockFacts, clock_facts
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.verdict import overall
from scalecert.documents import (
    API_VERSION,
    ApiVersion,
    canonical_json,
    decode_stored,
    read_stored,
    write_atomic,
)
from scalecert.errors import HarnessBug
from scalecert.recording import plan as planned
from scalecert.recording.plan import Given, Plan
from scalecert.recording.runs import RecordedRun
from scalecert.scenario.model import Level


class Metadata(CertificatePart, frozen=True):
    """`name` is the policy's; `date` (UTC) is the only thing that differs between equal runs."""

    name: str
    date: str


class Policy(CertificatePart, frozen=True):
    """The policy under test; `digest` covers all of its manifests."""

    name: str
    namespace: str
    file: str
    digest: str
    target: str
    min_replicas: int
    max_replicas: int


class Engine(CertificatePart, frozen=True):
    """The engine and the profile that stood for it; `limits` as its flags set them."""

    name: str
    version: str | None
    profile: str
    profile_digest: str
    profile_provenance: str
    model: str
    accelerator: str
    accelerators_per_replica: int
    limits: dict[str, Any]


class Capacity(CertificatePart, frozen=True):
    """What one replica carries under the objective, with the request sizes of `scenarios`.

    `saturated_requests_per_second` is what it serves with an endless queue, objective or not.
    The lowest and highest are what it carries at the corners of the profile's error.
    """

    requests_per_second: float
    saturated_requests_per_second: float
    input_tokens_per_second: float
    output_tokens_per_second: float
    method: str
    scenarios: tuple[str, ...]
    lowest_requests_per_second: float | None = None
    highest_requests_per_second: float | None = None


class Suite(CertificatePart, frozen=True):
    """Which cases were run; `digest` covers their scenarios and tests."""

    name: str
    version: str
    digest: str


class Provenance(CertificatePart, frozen=True):
    """Where one input came from."""

    what: str
    value: str
    source: str


class Load(CertificatePart, frozen=True):
    """What was offered; `left_out` requests exceeded the model's context."""

    requests: int
    left_out: int
    mean_per_second: float
    peak_per_second: float
    input_tokens_mean: float
    output_tokens_mean: float


class ScenarioResult(CertificatePart, frozen=True):
    """One scenario's findings; `load` is absent if it never ran, `efficiency` without a price."""

    id: str
    level: Level
    verdict: Verdict
    findings: tuple[Finding, ...]
    title: str = ""
    load: Load | None = None
    efficiency: Efficiency | None = None


class Counts(CertificatePart, frozen=True):
    """How many findings had which verdict."""

    passed: int
    failed: int
    inconclusive: int
    skipped: int


class Statistics(CertificatePart, frozen=True):
    """Counts by level: core decides, extended is reported."""

    core: Counts
    extended: Counts


class Spec(CertificatePart, frozen=True):
    """`objective` as on the command line, one term each; `seed` is the first run's.

    `wall_clock` is absent for virtual time.
    """

    verdict: Verdict
    objective: tuple[str, ...]
    policy: Policy
    engine: Engine
    capacity: tuple[Capacity, ...]
    suite: Suite
    world: str
    seed: int
    harness_version: str
    provenance: tuple[Provenance, ...]
    scenarios: tuple[ScenarioResult, ...]
    statistics: Statistics
    assurance: Assurance | None = None
    envelope: Envelope | None = None
    errors: ModelErrors | None = None
    not_proved: tuple[Unproved, ...] = ()
    guard: Guard | None = None
    recordings: tuple[RecordingRef, ...] = ()
    given: Given | None = None
    wall_clock: ClockFacts | None = None


class Certificate(CertificatePart, frozen=True):
    """One policy, judged by one suite in one world."""

    api_version: ApiVersion
    kind: Literal["Certificate"]
    metadata: Metadata
    spec: Spec

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, scenario by scenario."""
        return tuple(found for result in self.spec.scenarios for found in result.findings)


def issue(
    name: str, runs: Sequence[RecordedRun], findings: Iterable[Finding], date: str
) -> Certificate:
    """Return the certificate of one policy's findings.

    Args:
        name: the policy's name.
        runs: what was recorded, scenario by scenario in the order of the report.
        findings: of all scenarios, those that were skipped too.
        date: in UTC, ISO 8601.

    Raises:
        HarnessBug: without a run, or if the runs are of different policies or worlds.
    """
    found, scenarios = tuple(findings), by_scenario(runs)
    if len({in_common(run.plan) for run in runs}) != 1:
        raise HarnessBug(f"{len(runs)} runs do not make one certificate")
    plans = [same[0] for same in scenarios.values()]
    plan, results = plans[0], _results(plans, found, efficiencies(runs))
    said = _overall(results)
    band = guard(scenarios.values(), found, said)
    every = [run.plan for run in runs]
    valid, errors = envelope(every), model_errors(every)
    return Certificate(
        api_version=API_VERSION,
        kind="Certificate",
        metadata=Metadata(name=name, date=date),
        spec=Spec(
            verdict=said if band.complete else Verdict.INCONCLUSIVE,
            objective=tuple(term.text() for term in plan.objective),
            policy=taken_from(plan.policy, Policy),
            engine=taken_from(plan.engine, Engine),
            capacity=_capacities(scenarios),
            suite=taken_from(plan.suite, Suite),
            world=plan.world,
            seed=plan.seed,
            harness_version=plan.harness_version,
            provenance=tuple(taken_from(entry, Provenance) for entry in plan.provenance),
            scenarios=results,
            statistics=_statistics(found),
            assurance=assurance(every),
            envelope=valid,
            errors=errors,
            not_proved=not_proved(every, valid, errors),
            guard=band,
            recordings=recordings(runs),
            given=plan.given,
            wall_clock=clock_facts(every, found),
        ),
    )


class Common(NamedTuple):
    """What the runs of one certificate have in common."""

    policy: str
    digest: str
    world: str
    time_lapse: int


def in_common(plan: Plan) -> Common:
    """Return what a run must have in common with the others of its certificate."""
    return Common(plan.policy.name, plan.policy.digest, plan.world, plan.time_lapse)


def _results(
    plans: Sequence[Plan],
    findings: tuple[Finding, ...],
    efficient: Mapping[str, Efficiency],
) -> tuple[ScenarioResult, ...]:
    """Return a result per plan, then one per scenario that has findings but never ran."""
    by_id = {plan.scenario.metadata.name: plan for plan in plans}
    order = dict.fromkeys([*by_id, *(finding.scenario for finding in findings)])
    return tuple(
        replace(
            _result(name, by_id.get(name), tuple(f for f in findings if f.scenario == name)),
            efficiency=efficient.get(name),
        )
        for name in order
    )


def _result(name: str, plan: Plan | None, findings: tuple[Finding, ...]) -> ScenarioResult:
    has_core = any(finding.level == "core" for finding in findings)
    level: Level = plan.scenario.spec.level if plan else ("core" if has_core else "extended")
    return ScenarioResult(
        id=name,
        level=level,
        verdict=overall(findings, level=level),
        findings=findings,
        title=plan.scenario.metadata.title if plan else "",
        load=taken_from(plan.load, Load) if plan else None,
    )


def _overall(results: tuple[ScenarioResult, ...]) -> Verdict:
    """Return the verdict of all core findings; a core scenario without any spoils a pass."""
    verdict = overall(found for result in results for found in result.findings)
    silent = any(result.level == "core" and not result.findings for result in results)
    return Verdict.INCONCLUSIVE if silent and verdict is Verdict.PASS else verdict


def _capacities(scenarios: Mapping[str, Sequence[Plan]]) -> tuple[Capacity, ...]:
    """Return each distinct capacity once, with its scenarios."""
    grouped: dict[planned.Capacity, list[str]] = {}
    rates: dict[planned.Capacity, set[float]] = {}
    for name, plans in scenarios.items():
        grouped.setdefault(plans[0].capacity, []).append(name)
        found = {plan.capacity.requests_per_second for plan in plans}
        rates.setdefault(plans[0].capacity, set()).update(found)
    return tuple(
        Capacity(
            requests_per_second=one.requests_per_second,
            saturated_requests_per_second=one.saturated_per_second,
            input_tokens_per_second=one.requests_per_second * one.input_tokens_mean,
            output_tokens_per_second=one.requests_per_second * one.output_tokens_mean,
            method=one.method,
            scenarios=tuple(names),
            lowest_requests_per_second=min(rates[one]),
            highest_requests_per_second=max(rates[one]),
        )
        for one, names in grouped.items()
    )


def _statistics(findings: tuple[Finding, ...]) -> Statistics:
    def counts(level: Level) -> Counts:
        verdicts = [finding.verdict for finding in findings if finding.level == level]
        return Counts(
            passed=verdicts.count(Verdict.PASS),
            failed=verdicts.count(Verdict.FAIL),
            inconclusive=verdicts.count(Verdict.INCONCLUSIVE),
            skipped=verdicts.count(Verdict.SKIPPED),
        )

    return Statistics(core=counts("core"), extended=counts("extended"))


def save(certificate: Certificate, path: Path) -> None:
    """Write a certificate; equal certificates give equal bytes.

    Raises:
        OSError: if it can't be written.
    """
    write_atomic(path, canonical_json(certificate))


def load(path: Path) -> Certificate:
    """Read a certificate, of this release or a later one.

    Raises:
        UsageError: if the file can't be read or is no certificate.
    """
    return decoded(read_stored(path), path)


def decoded(data: bytes, path: Path) -> Certificate:
    """Return the certificate that a file holds; `path` is for messages.

    Raises:
        UsageError: if it is no certificate.
    """
    return decode_stored(data, Certificate, path, problem="is no certificate: ")
