"""From a policy and a scenario to a Trial: everything that is known before the world starts."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from scalecert import __version__
from scalecert.documents import API_VERSION
from scalecert.metrics.inputs import MetricsInput, wanted_metrics
from scalecert.planning.clairvoyant.search import clairvoyant_minimum
from scalecert.planning.fluid import Bounds, fluid_minimum, recovery_windows, with_headroom
from scalecert.planning.limits import check_limits
from scalecert.planning.offered_load import OfferedLoad, offered_load, with_traffic
from scalecert.planning.pod_timing import PodTiming, pod_timing
from scalecert.planning.references import (
    engine_ref,
    ingestion_seconds,
    load_of,
    policy_ref,
    provisioning_seconds,
    scrape_interval_seconds,
    startup_provenance,
)
from scalecert.planning.scaled_pods import ScaledPods, scaled_pods
from scalecert.planning.subject import Subject, varied
from scalecert.planning.trial import Trial
from scalecert.planning.unit_of_load import EngineStarter
from scalecert.policy.accelerators import last_container
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.signals import as_scraped, signals
from scalecert.recording.fidelity import shipped_fidelity
from scalecert.recording.plan import (
    ClairvoyantMinimum,
    Plan,
    SuiteRef,
    Variation,
)
from scalecert.recording.variations import nominal
from scalecert.scenario.model import Scenario


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
    scenario = with_traffic(scenario, subject.workload)
    check_limits(subject.policy, scenario)
    policy, resolved = subject.policy, varied(subject.resolved, variation)
    load = offered_load(subject, resolved, scenario, folder, variation)
    timing = pod_timing(policy, resolved, scenario.spec.cluster.startup)
    pods = scaled_pods(policy, resolved)
    plan = _plan(subject, scenario, suite, load, timing)
    if clairvoyant:
        minimum = _clairvoyant_minimum(plan, load, resolved, subject.bounds)
        plan = replace(plan, clairvoyant_minimum=minimum)
    return Trial(
        plan=plan,
        requests=load.requests,
        hpa=policy.hpa,
        policy=policy,
        resolved=resolved,
        metrics=_metrics_input(policy, pods, resolved),
        pods=pods,
        timing=timing,
        initial_replicas=with_headroom(float(load.curve.at(0.0)), load.capacity, subject.bounds),
        start_engine=EngineStarter(resolved),
    )


def _plan(
    subject: Subject, scenario: Scenario, suite: SuiteRef, load: OfferedLoad, timing: PodTiming
) -> Plan:
    """Return everything that the checks may know, computed before the world starts."""
    policy, duration = subject.policy, float(scenario.spec.duration)
    controllers = scenario.spec.cluster.controllers
    minimum = policy.hpa.min_replicas or 0
    startup = timing.startup_seconds() + provisioning_seconds(scenario)
    engine = engine_ref(subject.resolved)
    return Plan(
        api_version=API_VERSION,
        kind="Plan",
        harness_version=__version__,
        world=subject.world,
        variation=load.variation,
        ingestion_seconds=ingestion_seconds(policy, subject.resolved, scenario),
        fidelity=shipped_fidelity(engine.profile_digest),
        given=subject.given,
        scenario=scenario,
        suite=suite,
        policy=policy_ref(policy),
        engine=engine,
        objective=subject.objective,
        capacity=load.capacity,
        load=load_of(load.curve, load.requests, duration),
        windows=recovery_windows(
            load.curve,
            capacity=load.capacity,
            bounds=subject.bounds,
            startup_seconds=startup,
            sync_seconds=float(controllers.sync_period),
            duration_seconds=duration,
        ),
        signals=as_scraped(
            signals(policy, subject.resolved, tolerance=controllers.tolerance, sizes=load.sizes),
            policy,
            subject.resolved,
        ),
        provenance=(*subject.provenance, *startup_provenance(timing, scenario)),
        startup_seconds=startup,
        scrape_interval_seconds=scrape_interval_seconds(policy, scenario),
        price_per_hour=subject.price_per_hour,
        currency=subject.currency,
        fluid_minimum=fluid_minimum(load.curve, duration, load.capacity, minimum),
    )


def _clairvoyant_minimum(
    plan: Plan, load: OfferedLoad, resolved: Resolved, bounds: Bounds
) -> ClairvoyantMinimum | None:
    return clairvoyant_minimum(
        curve=load.curve,
        requests=load.requests,
        capacity=load.capacity,
        bounds=bounds,
        start=EngineStarter(resolved),
        objective=plan.objective,
        routing=plan.scenario.spec.cluster.routing,
        startup_seconds=plan.startup_seconds,
        duration_seconds=float(plan.scenario.spec.duration),
        seed=plan.seed,
    )


def _metrics_input(policy: Policy, pods: ScaledPods, resolved: Resolved) -> MetricsInput:
    return MetricsInput(
        namespace=policy.namespace,
        workload=pods.workload,
        wanted=wanted_metrics(policy.hpa),
        scrape_configs=policy.scrape_configs,
        rules=tuple(rules.document for rules in policy.rules),
        workload_kind=pods.kind,
        container=pods.container,
        last_container=last_container(policy, pods.container),
        device=resolved.device,
    )
