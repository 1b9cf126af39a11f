"""What a certificate says of its guard band: which runs were made, how wide it is, what is left.

The verdicts over the runs are made in `checks.guard`; here is what stands above all scenarios.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scalecert.certificate.parts import CertificatePart, taken_from
from scalecert.checks.causes import OBJECTIVES
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.guard import is_complete
from scalecert.recording.plan import Plan
from scalecert.recording.runs import RecordedRun


class GuardRun(CertificatePart, frozen=True):
    """One run of every scenario; the factors are on the profile's seconds, 1.3 is 30 % slower."""

    name: str
    seed: int
    prefill: float
    decode: float
    startup: float


class Guard(CertificatePart, frozen=True):
    """The runs that the verdicts rest on.

    `complete`: every scenario was run with all seeds and at both corners of the profile's error.
    Where not, nothing is certified, and `indicates` is what the runs that are there say. `margin`:
    how far the worst run of any objective is inside its limit, as a share of the limit; None where
    a run has no figure, because nobody knows how far beyond the limit that one is.
    """

    complete: bool
    runs: tuple[GuardRun, ...]
    margin: float | None = None
    indicates: Verdict | None = None


class RecordingRef(CertificatePart, frozen=True):
    """One recording that the certificate rests on: `recordings/<scenario>/<run>/`."""

    scenario: str
    run: str
    digest: str


def by_scenario(runs: Iterable[RecordedRun]) -> dict[str, tuple[Plan, ...]]:
    """Return the plans of each scenario, the first run's first."""
    grouped: dict[str, list[Plan]] = {}
    for run in runs:
        grouped.setdefault(run.plan.scenario.metadata.name, []).append(run.plan)
    return {name: tuple(plans) for name, plans in grouped.items()}


def guard(
    scenarios: Iterable[Sequence[Plan]], findings: Iterable[Finding], verdict: Verdict
) -> Guard:
    """Return what stands above all scenarios.

    Args:
        scenarios: the plans of each scenario's runs.
        findings: of all scenarios.
        verdict: what they say together.
    """
    plans = list(scenarios)
    complete = all(is_complete(runs) for runs in plans)
    variations = dict.fromkeys(plan.variation for runs in plans for plan in runs)
    margins = [
        finding.band.margin if finding.band else None
        for finding in findings
        if finding.id in OBJECTIVES
    ]
    known = [margin for margin in margins if margin is not None]
    return Guard(
        complete=complete,
        runs=tuple(taken_from(variation, GuardRun) for variation in variations),
        margin=min(known, default=None) if complete and len(known) == len(margins) else None,
        indicates=None if complete else verdict,
    )


def recordings(runs: Iterable[RecordedRun]) -> tuple[RecordingRef, ...]:
    """Return the recordings that the runs were read from."""
    return tuple(
        RecordingRef(run.plan.scenario.metadata.name, run.plan.variation.name, run.digest)
        for run in runs
    )
