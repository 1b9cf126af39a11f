"""From a policy and a scenario to a Trial: everything that is known before the world starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from scalecert import __version__
from scalecert.documents import API_VERSION
from scalecert.metrics.inputs import MetricsInput, wanted_metrics
from scalecert.planning.fluid import fluid_minimum, recovery_windows, replicas_needed
from scalecert.planning.pod_timing import pod_timing
from scalecert.planning.references import (
    engine_ref,
    load_of,
    policy_ref,
    provisioning_seconds,
    scrape_interval_seconds,
    startup_provenance,
)
from scalecert.planning.scaled_pods import ScaledPods, scaled_pods
from scalecert.planning.trial import Trial
from scalecert.planning.unit_of_load import EngineStarter, unit_of_load
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.signals import signals
from scalecert.recording.plan import ObjectiveTerm, Plan, Provenance, SuiteRef
from scalecert.scenario.model import Scenario
from scalecert.workload.generate import generate
from scalecert.workload.override import WorkloadChange
from scalecert.workload.rate import resolve
from scalecert.workload.tables import load_tables


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

    @property
    def name(self) -> str:
        """The HPA's name."""
        return self.policy.name


def prepare(subject: Subject, scenario: Scenario, folder: Path, suite: SuiteRef) -> Trial:
    """Return the trial of one scenario for one policy.

    Args:
        subject: the policy and the user's choices.
        scenario: the scenario; `folder` is where the files that it names lie.
        folder: of the scenario's file.
        suite: which suite the scenario is part of.

    Raises:
        UsageError: if the workload's files can't be used, too many requests exceed the model's
            context, or even an idle replica misses the objective.
    """
    scenario = _workload(scenario, subject.workload)
    spec, policy, resolved = scenario.spec, subject.policy, subject.resolved
    tables = load_tables(spec.workload, subject.workload_folder or folder)
    capacity = unit_of_load(
        resolved, subject.objective, spec.workload, tables, subject.capacity_per_second
    )
    rate, duration = capacity.requests_per_second, float(spec.duration)
    minimum, maximum = policy.hpa.min_replicas or 0, policy.hpa.max_replicas
    curve = resolve(spec.workload.rate, rate, maximum, tables.trace)
    requests = generate(
        spec.workload,
        curve,
        seed=subject.seed,
        duration_seconds=duration,
        context_tokens=resolved.limits.integer("max_model_len"),
        tables=tables,
    )
    timing = pod_timing(policy, resolved, spec.cluster.startup)
    startup = timing.startup_seconds() + provisioning_seconds(scenario)
    pods = scaled_pods(policy, resolved)
    plan = Plan(
        api_version=API_VERSION,
        kind="Plan",
        harness_version=__version__,
        world=subject.world,
        seed=subject.seed,
        scenario=scenario,
        suite=suite,
        policy=policy_ref(policy),
        engine=engine_ref(resolved),
        objective=subject.objective,
        capacity=capacity,
        load=load_of(curve, requests, duration),
        windows=recovery_windows(
            curve.jumps(),
            capacity=capacity,
            min_replicas=max(1, minimum),
            max_replicas=maximum,
            startup_seconds=startup,
            sync_seconds=float(spec.cluster.controllers.sync_period),
            duration_seconds=duration,
        ),
        signals=signals(policy, resolved, tolerance=spec.cluster.controllers.tolerance),
        provenance=(*subject.provenance, *startup_provenance(timing, scenario)),
        startup_seconds=startup,
        scrape_interval_seconds=scrape_interval_seconds(policy, scenario),
        price_per_hour=subject.price_per_hour,
        fluid_minimum=fluid_minimum(curve, duration, rate, minimum),
    )
    return Trial(
        plan=plan,
        requests=requests,
        hpa=policy.hpa,
        kind=resolved.kind,
        metrics=_metrics_input(policy, pods),
        pods=pods,
        timing=timing,
        initial_replicas=min(maximum, replicas_needed(float(curve.at(0.0)), rate, max(1, minimum))),
        start_engine=EngineStarter(resolved),
    )


def _workload(scenario: Scenario, change: WorkloadChange | None) -> Scenario:
    """Return the scenario with the user's traffic in place of its own."""
    if change is None:
        return scenario
    workload = change.applied_to(scenario.spec.workload)
    return replace(scenario, spec=replace(scenario.spec, workload=workload))


def _metrics_input(policy: Policy, pods: ScaledPods) -> MetricsInput:
    return MetricsInput(
        namespace=policy.namespace,
        workload=pods.workload,
        wanted=wanted_metrics(policy.hpa),
        scrape_configs=tuple(
            endpoint for monitor in policy.monitors for endpoint in monitor.endpoints
        ),
        rules=tuple(rules.document for rules in policy.rules),
        workload_kind=pods.kind,
    )
