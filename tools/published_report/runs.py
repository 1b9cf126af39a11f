"""Runs of the arms, in processes, and the figures of each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from published_report.claims import Arm, Claims
from published_report.figures import FIGURES
from published_report.loads import case_of, from_base, run, settling_rate, subject_of, with_load
from published_report.phases import phase
from published_report.results import Facts, Key, Results
from scalecert.recording.model import Recording

COMMON = (
    "accelerator-hours",
    "replicas",
    "mean-time-per-token-mean",
    "mean-time-per-token-p95",
    "mean-time-per-token-p99",
    "e2e-mean",
    "e2e-p95",
    "ttft-p95",
    "unserved-share",
)
"""Figures of every arm over its whole run, claimed or not."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of an arm; `settling` is the rate that its load begins at, where that is searched."""

    arm: Arm
    objective: str
    seed: int
    wanted: tuple[Key, ...]
    settling: float | None

    def results(self) -> tuple[Facts, dict[Key, float]]:
        """Run it; return facts and figures."""
        recording = self._recording()
        plan = recording.plan
        return Facts.of(plan, self.settling), {
            (name, part): FIGURES[name](recording, phase(plan, part)) for name, part in self.wanted
        }

    def _recording(self) -> Recording:
        subject, case = subject_of(self.arm, self.objective), case_of(self.arm)
        if self.settling is not None:
            shape = from_base(case.scenario.spec.workload.rate, self.settling)
            subject = with_load(subject, case, shape)
        return run(subject, case, self.seed)


def run_all(claims: Claims, arms: Sequence[str], seeds: Sequence[int], pool: Executor) -> Results:
    """Search the loads that are to be searched, then run these arms with every seed."""
    chosen = {name: claims.arms[name] for name in arms}
    searched = [name for name, arm in chosen.items() if arm.settles_at is not None]
    rates = pool.map(
        settling_rate, [chosen[name] for name in searched], [claims.objective] * len(searched)
    )
    settling = dict(zip(searched, rates, strict=True))
    wanted = {name: _wanted(claims, name) for name in chosen}
    keys = [(name, seed) for name in chosen for seed in seeds]
    jobs = [
        Job(chosen[name], claims.objective, seed, wanted[name], settling.get(name))
        for name, seed in keys
    ]
    found = dict(zip(keys, pool.map(Job.results, jobs), strict=True))
    figures = {
        name: {key: tuple(found[name, seed][1][key] for seed in seeds) for key in wanted[name]}
        for name in chosen
    }
    return Results(tuple(seeds), {name: found[name, seeds[0]][0] for name in chosen}, figures)


def _wanted(claims: Claims, arm: str) -> tuple[Key, ...]:
    """Return the figures of an arm that the report or a claim asks for."""
    common: list[Key] = [(name, "run") for name in COMMON]
    sides = (side for claim in claims.claims for side in claim.sides)
    claimed = [(side.figure, side.phase) for side in sides if side.arm == arm]
    return tuple(dict.fromkeys([*common, *claimed]))
