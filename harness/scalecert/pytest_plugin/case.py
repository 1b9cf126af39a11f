"""The `case` of a test: one scenario bound to one policy, to record and to judge.

A thin face of the pipeline; what it judged travels by `case_report`. Imports of weight are
made when a case runs, never when the plugin is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scalecert.pytest_plugin.outcomes import FindingsFailed, FindingsInconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from scalecert import suite
    from scalecert.checks.finding import Finding
    from scalecert.pipeline import Subject
    from scalecert.pytest_plugin.session_world import SessionWorld
    from scalecert.recording.runs import Runs


class Case:
    """One case of a suite under one policy.

    Attributes:
        subject: the policy with its engine and objective.
        definition: the case as the suite has it: id, scenario, file.
        recordings: the folder that recordings go to.
        runs: the recordings of the last `record`, None before.
        findings: what the last `judge` found, empty before.
    """

    def __init__(
        self,
        subject: Subject,
        definition: suite.Case,
        recordings: Path,
        world: SessionWorld,
        workers: Executor | None = None,
    ) -> None:
        self.subject = subject
        self.definition = definition
        self.recordings = recordings
        self.runs: Runs | None = None
        self.findings: tuple[Finding, ...] = ()
        self._world = world
        self._workers = workers

    @property
    def id(self) -> str:
        """The scenario's id."""
        return self.definition.id

    def record(self) -> Runs:
        """Run the scenario in the world and return the recordings, which are on disk by then.

        There is one for each seed and corner of the guard band; `nominal` is the first one.

        Raises:
            UsageError: if the scenario can't be planned for this policy.
            EnvironmentFault: if a process that made a run was killed, or the world broke.
        """
        from scalecert import pipeline
        from scalecert.pytest_plugin.workers import losses_told

        with losses_told():
            self.runs = pipeline.record(
                self.subject,
                self.definition,
                self.recordings,
                world=self._world.opened(),
                workers=self._workers,
            )
        return self.runs

    def judge(self, runs: Runs) -> tuple[Finding, ...]:
        """Run the scenario's checks and return the findings if those that decide pass.

        In a core case the core findings decide, and extended ones are reported only; in an
        extended case all do. Where a finding hangs on the error of the engine profile, the runs
        that tell on which part of it are made first.

        Raises:
            FindingsFailed: if one failed; its text lists each with its next step.
            FindingsInconclusive: if none failed but one is inconclusive or skipped.
        """
        from scalecert.checks.finding import Verdict

        self.runs, self.findings = self._judged(runs)
        level = self.definition.scenario.spec.level
        deciding = [finding for finding in self.findings if finding.level in ("core", level)]
        failed = [finding for finding in deciding if finding.verdict is Verdict.FAIL]
        if failed:
            raise FindingsFailed(_listed(failed))
        unclear = [finding for finding in deciding if finding.verdict is not Verdict.PASS]
        if unclear or not deciding:
            raise FindingsInconclusive(_listed(unclear) or "no finding that decides")
        return self.findings

    def _judged(self, runs: Runs) -> tuple[Runs, tuple[Finding, ...]]:
        from scalecert import pipeline
        from scalecert.pytest_plugin.workers import losses_told

        findings = pipeline.judge_runs(runs)
        with losses_told():
            narrowed = pipeline.narrow(
                self.subject,
                self.definition,
                runs,
                findings,
                world=self._world.opened(),
                workers=self._workers,
            )
        if narrowed == runs:
            return runs, findings
        return narrowed, pipeline.judge_runs(narrowed)


def _listed(findings: Sequence[Finding]) -> str:
    """Return one line per finding: `id: message; next: step`."""
    return "\n".join(
        f"{finding.id}: {finding.message}"
        + (f"; next: {finding.next_step}" if finding.next_step else "")
        for finding in findings
    )
