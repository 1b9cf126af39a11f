"""How far the models behind a verdict may be off: HPA, metric pipeline and engine, apart.

An error is `measured` against a real thing, `assumed` (and the guard band tried it), or `unknown`:
nobody has looked, and no run allowed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scalecert.certificate.parts import CertificatePart
from scalecert.recording.fidelity import Comparison
from scalecert.recording.plan import Plan
from scalecert.recording.variations import PARTS, Part

Basis = Literal["measured", "assumed", "unknown"]
_TRUST: tuple[Basis, ...] = ("measured", "assumed", "unknown")


class KnownError(CertificatePart, frozen=True, kw_only=True):
    """One model's error; all figures are None where it is unknown.

    `relative` is a share of the model's figure (0.05 is 5 %): of seconds for the engine, of cases
    that came out differently for HPA and pipeline. `against` says what it was held against, or why
    nothing is known; `note` what was compared.
    """

    basis: Basis
    against: str
    relative: float | None = None
    cases: int | None = None
    mismatches: int | None = None
    note: str = ""


_UNSAID = KnownError(basis="unknown", against="the recording does not say")


class EngineErrors(CertificatePart, frozen=True, kw_only=True):
    """The engine profile's errors, by what it predicts."""

    prefill: KnownError
    decode: KnownError
    startup: KnownError


class ModelErrors(CertificatePart, frozen=True, kw_only=True):
    """The models behind a verdict, apart: a small error of one says nothing of the others."""

    hpa: KnownError
    pipeline: KnownError
    engine: EngineErrors


def model_errors(plans: Sequence[Plan]) -> ModelErrors:
    """Return the errors as they were known when the plans were made, the worst of any plan.

    A start-up time that a scenario states itself is no prediction of the profile: unknown.
    """
    parts = {part: _worst([_part(plan, part) for plan in plans]) for part in PARTS}
    known = [plan.fidelity for plan in plans]
    return ModelErrors(
        hpa=_worst([_compared(one.hpa) if one else _UNSAID for one in known]),
        pipeline=_worst([_compared(one.pipeline) if one else _UNSAID for one in known]),
        engine=EngineErrors(**parts),
    )


def _worst(errors: Sequence[KnownError]) -> KnownError:
    """Return the least trusted of one thing's errors, the largest of equals."""
    return max(errors, key=lambda error: (_TRUST.index(error.basis), error.relative or 0.0))


def _compared(comparison: Comparison | None) -> KnownError:
    if comparison is None or comparison.cases == 0:
        return KnownError(basis="unknown", against="never compared with a real cluster")
    return KnownError(
        basis="measured",
        against=f"{comparison.against} {comparison.version}",
        relative=comparison.mismatches / comparison.cases,
        cases=comparison.cases,
        mismatches=comparison.mismatches,
        note=comparison.how,
    )


def _part(plan: Plan, part: Part) -> KnownError:
    """Return the error of one part of a plan's engine profile."""
    if part == "startup" and plan.scenario.spec.cluster.startup.model_load is not None:
        return KnownError(basis="unknown", against="stated by the scenario, not by the profile")
    error = plan.engine.errors.get(part)
    if error is None:
        return KnownError(basis="unknown", against="the profile does not say")
    real = f"a real server, by profile {plan.engine.profile}"
    return KnownError(
        basis=error.basis,
        against=real if error.basis == "measured" else "no real server",
        relative=error.relative,
        note=error.note,
    )
