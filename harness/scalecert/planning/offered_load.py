"""What a run offers: the load in absolute terms, beside the unit that its scenario states it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from scalecert.engines.base import RequestSizes
from scalecert.errors import UsageError
from scalecert.planning.request_sizes import request_sizes
from scalecert.planning.subject import Subject
from scalecert.planning.unit_of_load import ObjectiveOutOfReach, unit_of_load
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Capacity, Variation
from scalecert.scenario.model import Scenario
from scalecert.workload.generate import Requests, generate
from scalecert.workload.model import Workload
from scalecert.workload.override import WorkloadChange
from scalecert.workload.rate import RateCurve, resolve
from scalecert.workload.tables import Tables, load_tables


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The load of one run in absolute terms, beside the unit that it was stated in.

    `sizes` are what its requests are like, the same in every run.
    """

    variation: Variation
    capacity: Capacity
    curve: RateCurve
    requests: Requests
    sizes: RequestSizes


def with_traffic(scenario: Scenario, change: WorkloadChange | None) -> Scenario:
    """Return the scenario with the user's traffic in place of its own.

    Raises:
        UsageError: if the two do not go together.
    """
    if change is None:
        return scenario
    try:
        workload = change.applied_to(scenario.spec.workload)
    except ValueError as error:
        name = scenario.metadata.name
        raise UsageError(f"does not go with the workload of {name}: {error}") from error
    return replace(scenario, spec=replace(scenario.spec, workload=workload))


def offered_load(
    subject: Subject, resolved: Resolved, scenario: Scenario, folder: Path, variation: Variation
) -> OfferedLoad:
    """Return what a scenario offers, its rates in units of one replica's capacity resolved.

    Args:
        subject: the policy and the user's choices.
        resolved: what serves its pods in this run.
        scenario: the scenario, with the user's traffic.
        folder: where the files that the scenario names lie.
        variation: which run of the scenario.

    Raises:
        UsageError: if the workload's files can't be used, too many requests exceed the model's
            context, or even an idle replica misses the objective.
    """
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
        longest=resolved.request_limits,
        tables=tables,
    )
    sizes = request_sizes(workload, tables, resolved.request_limits)
    return OfferedLoad(variation, capacity, curve, requests, sizes)


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
