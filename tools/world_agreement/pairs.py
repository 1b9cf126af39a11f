"""What is compared: every scenario under every policy of fixtures/fidelity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from scalecert import pipeline
from scalecert.suite import Case, find_case
from scalecert.units import Duration

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "fidelity"
UNSEEN = (("swing", "tgi-queue"), ("climb", "jetstream-slots"))
"""Pairs that nobody looks at while models and worlds are being mended: told apart in the report."""
TIME_LAPSE = 5
SLOWER = {"jetstream-slots": 3}
"""How many times faster than the clock world `local` is. A first token of JetStream's comes within
0.15 s: two milliseconds between client and server, five times over, are 7 % of that."""
DISCOVERY_SECONDS = 2.5
"""Of the clock, on average: Prometheus looks for new targets every 5 s, and no flag changes that.
Both worlds are told so, in seconds of the run."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One scenario under one policy."""

    scenario: str
    policy: str

    @property
    def name(self) -> str:
        """How people call it on the command line."""
        return f"{self.scenario}/{self.policy}"

    @property
    def unseen(self) -> bool:
        """Whether it is one of those that are kept apart."""
        return (self.scenario, self.policy) in UNSEEN

    @property
    def time_lapse(self) -> int:
        """How many seconds of the run pass in one of the clock, in world `local`."""
        return SLOWER.get(self.policy, TIME_LAPSE)

    def case(self) -> Case:
        """Return the scenario as a suite has it, with what a time lapse leaves as it is."""
        case = find_case(str(FOLDER / "scenarios" / f"{self.scenario}.yaml"))
        spec = case.scenario.spec
        discovery = Duration(DISCOVERY_SECONDS * self.time_lapse)
        metrics = msgspec.structs.replace(spec.cluster.metrics, target_discovery=discovery)
        cluster = msgspec.structs.replace(spec.cluster, metrics=metrics)
        spec = msgspec.structs.replace(spec, cluster=cluster)
        return replace(case, scenario=msgspec.structs.replace(case.scenario, spec=spec))

    def subject(self, *, world: str, seed: int) -> pipeline.Subject:
        """Return the policy with what is known of it."""
        lapse = self.time_lapse if pipeline.on_the_clock(world) else 1
        inputs = pipeline.Inputs(
            policies=(str(FOLDER / "policies" / f"{self.policy}.yaml"),),
            world=world,
            seed=seed,
            time_lapse=lapse,
            quick=True,
        )
        (subject,) = pipeline.subjects(inputs)
        return subject


def all_pairs() -> tuple[Pair, ...]:
    """Return the pairs in the order of the report: by policy, then by scenario."""
    scenarios = sorted(path.stem for path in (FOLDER / "scenarios").glob("*.yaml"))
    policies = sorted(path.stem for path in (FOLDER / "policies").glob("*.yaml"))
    return tuple(Pair(scenario, policy) for policy in policies for scenario in scenarios)
