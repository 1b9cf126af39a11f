"""Which failure explains which others: what a policy has to have fixed first.

Used on the findings of one run and, once more, on what all runs of a scenario say together.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from scalecert.checks.band import CORNERS
from scalecert.checks.finding import Finding, Verdict

OBJECTIVES = frozenset({
    "ttft-objective", "tpot-objective", "mean-time-per-token", "e2e-objective",
})  # fmt: skip
"""The checks of the objective's terms."""

_LATE = OBJECTIVES | {
    "slo-attainment", "step-recovery", "first-scale-up", "replicas-ready", "under-provisioning",
    "under-provisioned-time",
}  # fmt: skip
_INERT = _LATE | {
    "accelerator-hours", "return-to-minimum", "signal-moves", "no-request-lost",
    "over-provisioning", "over-provisioned-time",
}  # fmt: skip

CONSEQUENCES = {
    "signal-present": _INERT,
    "signal-reachable": _INERT,
    "capacity-ceiling": _LATE,
    "signal-moves": _INERT - {"signal-moves"},
}
"""Failures that explain others, the first to blame first, and what each explains."""

_UNHAPPY = (Verdict.FAIL, Verdict.INCONCLUSIVE)


def explained(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return a scenario's findings, those that follow from a failed one pointing to it."""
    failed = {finding.id: finding for finding in findings if finding.verdict is Verdict.FAIL}
    cause = next((failed[name] for name in CONSEQUENCES if name in failed), None)
    if cause is None:
        return tuple(findings)
    first = f"fix {cause.id} first: {cause.next_step}"
    return tuple(
        replace(finding, next_step=first, cause=cause.id)
        if finding.id in CONSEQUENCES[cause.id] and _may_follow(finding)
        else finding
        for finding in findings
    )


def _may_follow(finding: Finding) -> bool:
    """Tell whether another failure may explain it: not where it fails at a corner alone."""
    if finding.verdict not in _UNHAPPY or finding.band is None:
        return finding.verdict in _UNHAPPY
    return any(run.verdict is Verdict.FAIL for run in finding.band.runs if run.run not in CORNERS)
