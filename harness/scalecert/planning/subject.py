"""The subject of planning: one policy with all that is known of it, as it is in each run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from scalecert.planning.fluid import Bounds
from scalecert.planning.references import profile_errors
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Given, ModelError, ObjectiveTerm, Provenance, Variation
from scalecert.workload.override import WorkloadChange


@dataclass(frozen=True, slots=True)
class Subject:
    """One policy with all that is known of it: what scenarios are run for.

    `price_per_hour` is of one accelerator, in `currency` (ISO 4217). `provenance` says where
    everything came from.
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
    currency: str = "USD"

    @property
    def name(self) -> str:
        """The HPA's name."""
        return self.policy.name

    @property
    def errors(self) -> dict[str, ModelError]:
        """How far the engine profile may be off, by part."""
        return profile_errors(self.resolved)

    @property
    def bounds(self) -> Bounds:
        """The policy's range of replicas, 1 at least."""
        hpa = self.policy.hpa
        return Bounds(max(1, hpa.min_replicas or 0), hpa.max_replicas)


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
