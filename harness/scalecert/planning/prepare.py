"""From a policy and a scenario to a Trial: everything that is known before the world starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from scalecert import __version__
from scalecert.documents import API_VERSION
from scalecert.errors import UsageError
from scalecert.metrics.inputs import MetricsInput, wanted_metrics
from scalecert.planning.clairvoyant import clairvoyant_minimum
from scalecert.planning.fluid import Bounds, fluid_minimum, recovery_windows, with_headroom
from scalecert.planning.limits import check_limits
from scalecert.planning.pod_timing import PodTiming, pod_timing
from scalecert.planning.references import (
    engine_ref,
    ingestion_seconds,
    load_of,
    model_errors,
    policy_ref,
    provisioning_seconds,
    scrape_interval_seconds,
    startup_provenance,
)
from scalecert.planning.scaled_pods import ScaledPods, scaled_pods
from scalecert.planning.trial import Trial
from scalecert.planning.unit_of_load import EngineStarter, ObjectiveOutOfReach, unit_of_load
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.signals import as_scraped, signals
from scalecert.recording.fidelity import shipped_fidelity
from scalecert.recording.plan import (
    Capacity,
    ClairvoyantMinimum,
    Given,
    ModelError,
    ObjectiveTerm,
    Plan,
    Provenance,
    SuiteRef,
    Variation,
)
from scalecert.recording.variations import nominal
from scalecert.scenario.model import Scenario
from scalecert.workload.generate import Requests, generate
from scalecert.workload.model import Workload
from scalecert.workload.override import WorkloadChange
from scalecert.workload.rate import RateCurve, resolve
from scalecert.workload.tables import Tables, load_tables


@dataclass(frozen=True, slots=True)
class Subject:
    """One policy with all that is known of it: what scenarios are run for.

    `price_per_hour` is of one accelerator. `provenance` says where everything came from.
    """

    policy: Policy
    resolved: Resolved
    objective: tuple[ObjectiveTerm, ...]
    provenance: tuple[Provenance, ...]
    seed: int
    world: str
    price_per_hour: float | None
    workload: WorkloadChange | None = None
    workload_folder: Path | None = None
    capacity_per_second: float | None = None
    quick: bool = False
    given: Given | None = None

    @property
    def name(self) -> str:
        """The HPA's name."""
        return self.policy.name

    @property
    def errors(self) -> dict[str, ModelError]:
        """How far the engine profile may be off, by part."""
        return model_errors(self.resolved)


def varied(resolved: Resolved, variation: Variation) -> Resolved:
    """Return what serves the pods in a run: the profile, off by the variation's factors."""
    if variation.is_nominal:
        return resolved
    profile = resolved.profile
    costs = profile.spec.costs.scaled(prefill=variation.prefill, decode=variation.decode)
    load_seconds = profile.spec.startup.model_load_seconds * variation.startup
    spec = replace(
        profile.spec,
        costs=costs,
        startup=replace(profile.spec.startup, model_load_seconds=load_seconds),
    )
    return dataclasses.replace(resolved, profile=replace(profile, spec=spec))


@dataclass(frozen=True, slots=True)
class _Offered:
    """The load of one run in absolute terms, beside the unit that it was stated in."""

    variation: Variation
    capacity: Capacity
    curve: RateCurve
    requests: Requests


def prepare(
    subject: Subject,
    scenario: Scenario,
    folder: Path,
    suite: SuiteRef,
    variation: Variation | None = None,
    *,
    clairvoyant: bool = False,
) -> Trial:
    """Return the trial of one scenario for one policy.

    Args:
        subject: the policy and the user's choices.
        scenario: the scenario.
        folder: where the files that the scenario names lie.
        suite: which suite the scenario is part of.
        variation: which run of the scenario; by default the one of the user's seed, at the costs
            of the engine profile.
        clairvoyant: whether to search for the clairvoyant minimum, which takes a second or two.

    Raises:
        UsageError: if the workload's files can't be used, too many requests exceed the model's
            context, or even an idle replica misses the objective.
    """
    variation = variation or nominal(subject.seed)
    scenario = _with_traffic(scenario, subject.workload)
    check_limits(subject.policy, scenario)
    policy, resolved = subject.policy, varied(subject.resolved, variation)
    offered = _offered(subject, resolved, scenario, folder, variation)
    timing = pod_timing(policy, resolved, scenario.spec.cluster.startup)
    pods = scaled_pods(policy, resolved)
    plan = _plan(subject, scenario, suite, offered, timing)
    if clairvoyant:
        minimum = _clairvoyant_minimum(plan, offered, resolved, _bounds(policy))
        plan = replace(plan, clairvoyant_minimum=minimum)
    return Trial(
        plan=plan,
        requests=offered.requests,
        hpa=policy.hpa,
        kind=resolved.kind,
        metrics=_metrics_input(policy, pods),
        pods=pods,
        timing=timing,
        initial_replicas=with_headroom(
            float(offered.curve.at(0.0)), offered.capacity, _bounds(policy)
        ),
        start_engine=EngineStarter(resolved),
    )


def _offered(
    subject: Subject, resolved: Resolved, scenario: Scenario, folder: Path, variation: Variation
) -> _Offered:
    """Return what a scenario offers, its rates in units of one replica's capacity resolved."""
    workload = scenario.spec.workload
    tables = load_tables(workload, subject.workload_folder or folder)
    capacity = _capacity(subject, resolved, workload, tables, variation)
    curve = resolve(
        workload.rate,
        capacity.requests_per_second,
        subject.policy.hpa.max_replicas,
        tables.trace,
    )
    requests = generate(
        workload,
        curve,
        seed=variation.seed,
        duration_seconds=float(scenario.spec.duration),
        context_tokens=resolved.context_tokens,
        tables=tables,
    )
    return _Offered(variation, capacity, curve, requests)


def _capacity(
    subject: Subject,
    resolved: Resolved,
    workload: Workload,
    tables: Tables,
    variation: Variation,
) -> Capacity:
    """Return the capacity of one replica as it is in this run.

    A corner of the profile's error has a capacity of its own: load in units of capacity follows
    what servers can do, and what a policy does with it is judged. Where such a server can't hold
    the objective even idle, its load is the profile's, and the run shows by how much it misses.
    """
    pinned = subject.capacity_per_second
    try:
        found = unit_of_load(resolved, subject.objective, workload, tables, pinned)
    except ObjectiveOutOfReach:
        if variation.is_nominal:
            raise
        return unit_of_load(subject.resolved, subject.objective, workload, tables, pinned)
    too_much = found.requests_per_second > found.saturated_per_second
    if subject.world == "sim" and too_much and variation.is_nominal:
        raise UsageError(
            f"found {found.requests_per_second:g}/s, but a server of profile"
            f" {resolved.profile.name} serves at most {found.saturated_per_second:.4g}/s of"
            " these requests",
            field="--capacity",
            hint="pin less, or name a profile that fits your server with --profile",
        )
    return found


def _plan(
    subject: Subject, scenario: Scenario, suite: SuiteRef, offered: _Offered, timing: PodTiming
) -> Plan:
    """Return everything that the checks may know, computed before the world starts."""
    policy, duration = subject.policy, float(scenario.spec.duration)
    controllers = scenario.spec.cluster.controllers
    minimum = policy.hpa.min_replicas or 0
    startup = timing.startup_seconds() + provisioning_seconds(scenario)
    return Plan(
        api_version=API_VERSION,
        kind="Plan",
        harness_version=__version__,
        world=subject.world,
        variation=offered.variation,
        ingestion_seconds=ingestion_seconds(policy, scenario),
        fidelity=shipped_fidelity(),
        given=subject.given,
        scenario=scenario,
        suite=suite,
        policy=policy_ref(policy),
        engine=engine_ref(subject.resolved),
        objective=subject.objective,
        capacity=offered.capacity,
        load=load_of(offered.curve, offered.requests, duration),
        windows=recovery_windows(
            offered.curve,
            capacity=offered.capacity,
            bounds=_bounds(policy),
            startup_seconds=startup,
            sync_seconds=float(controllers.sync_period),
            duration_seconds=duration,
        ),
        signals=as_scraped(
            signals(policy, subject.resolved, tolerance=controllers.tolerance),
            policy,
            subject.resolved,
        ),
        provenance=(*subject.provenance, *startup_provenance(timing, scenario)),
        startup_seconds=startup,
        scrape_interval_seconds=scrape_interval_seconds(policy, scenario),
        price_per_hour=subject.price_per_hour,
        fluid_minimum=fluid_minimum(offered.curve, duration, offered.capacity, minimum),
    )


def _clairvoyant_minimum(
    plan: Plan, offered: _Offered, resolved: Resolved, bounds: Bounds
) -> ClairvoyantMinimum | None:
    return clairvoyant_minimum(
        curve=offered.curve,
        requests=offered.requests,
        capacity=offered.capacity,
        bounds=bounds,
        start=EngineStarter(resolved),
        objective=plan.objective,
        routing=plan.scenario.spec.cluster.routing,
        startup_seconds=plan.startup_seconds,
        duration_seconds=float(plan.scenario.spec.duration),
        seed=plan.seed,
    )


def _bounds(policy: Policy) -> Bounds:
    return Bounds(max(1, policy.hpa.min_replicas or 0), policy.hpa.max_replicas)


def _with_traffic(scenario: Scenario, change: WorkloadChange | None) -> Scenario:
    """Return the scenario with the user's traffic in place of its own."""
    if change is None:
        return scenario
    try:
        workload = change.applied_to(scenario.spec.workload)
    except ValueError as error:
        name = scenario.metadata.name
        raise UsageError(f"does not go with the workload of {name}: {error}") from error
    return replace(scenario, spec=replace(scenario.spec, workload=workload))


def _metrics_input(policy: Policy, pods: ScaledPods) -> MetricsInput:
    return MetricsInput(
        namespace=policy.namespace,
        workload=pods.workload,
        wanted=wanted_metrics(policy.hpa),
        scrape_configs=policy.scrape_configs,
        rules=tuple(rules.document for rules in policy.rules),
        workload_kind=pods.kind,
    )
