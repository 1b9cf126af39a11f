"""A policy as the tests here try it: with its objective, its placeholders' values and its load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scalecert import pipeline
from scalecert.checks.finding import Finding
from scalecert.cli.linting import lint
from scalecert.cli.traffic import sizes_of, traffic
from scalecert.planning.prepare import prepare
from scalecert.planning.subject import Subject
from scalecert.policy.lint import LintFinding
from scalecert.recording.model import Recording
from scalecert.suite import find_case
from scalecert.worlds.sim import SimWorld

OBJECTIVE = "ttft_p95=2s,tpot_p95=100ms"
"""What holds where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the runs of one policy have in common.

    Attributes:
        policy: the manifest.
        objective: the latency limits to hold.
        settings: name and value of each placeholder.
        workload: the load in place of the scenarios' own.
    """

    policy: Path
    objective: str = OBJECTIVE
    settings: tuple[tuple[str, str], ...] = ()
    workload: Path | None = None

    def subject(self, seed: int = 1) -> Subject:
        """Return the policy, read."""
        inputs = pipeline.Inputs(
            policies=(str(self.policy),),
            settings=dict(self.settings),
            objective=self.objective,
            workload=None if self.workload is None else str(self.workload),
            seed=seed,
        )
        (subject,) = pipeline.subjects(inputs)
        return subject

    def run(self, scenario: str, seed: int, *, clairvoyant: bool = False) -> Recording:
        """Return the recording of one scenario of the shipped suites."""
        case = find_case(scenario)
        trial = prepare(
            self.subject(seed),
            case.scenario,
            case.path.parent,
            case.suite,
            clairvoyant=clairvoyant,
        )
        return SimWorld().run(trial)

    def findings(
        self, scenario: str, seed: int, *, clairvoyant: bool = False
    ) -> tuple[Finding, ...]:
        """Return the findings of one scenario with one seed."""
        return pipeline.judge(self.run(scenario, seed, clairvoyant=clairvoyant))

    def lint(self) -> tuple[LintFinding, ...]:
        """Return the static findings, as `scalecert lint` has them."""
        subject = self.subject()
        loads = traffic(None if self.workload is None else str(self.workload))
        sizes = sizes_of(loads, subject.resolved)
        return lint(subject.policy, subject.resolved, sizes)


def settings(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return placeholders' values as `Tried` takes them."""
    return tuple(sorted(values.items()))
