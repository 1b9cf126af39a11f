"""What is compared: every scenario under every policy of fixtures/fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scalecert import pipeline
from scalecert.suite import Case, find_case

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "fidelity"
UNSEEN = (("swing", "tgi-queue"), ("climb", "jetstream-slots"))
"""Pairs that nobody looks at while models and worlds are being mended: told apart in the report."""


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

    def case(self) -> Case:
        """Return the scenario as a suite has it."""
        return find_case(str(FOLDER / "scenarios" / f"{self.scenario}.yaml"))

    def subject(self, *, world: str, seed: int, time_lapse: int) -> pipeline.Subject:
        """Return the policy with what is known of it."""
        file = str(FOLDER / "policies" / f"{self.policy}.yaml")
        (subject,) = pipeline.subjects(
            pipeline.Inputs(
                policies=(file,), world=world, seed=seed, time_lapse=time_lapse, quick=True
            )
        )
        return subject


def all_pairs() -> tuple[Pair, ...]:
    """Return the pairs in the order of the report: by policy, then by scenario."""
    scenarios = sorted(path.stem for path in (FOLDER / "scenarios").glob("*.yaml"))
    policies = sorted(path.stem for path in (FOLDER / "policies").glob("*.yaml"))
    return tuple(Pair(scenario, policy) for policy in policies for scenario in scenarios)
