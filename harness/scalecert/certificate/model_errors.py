"""How far the models behind a verdict may be off: HPA, metric pipeline and engine, apart.

An error is `measured` against a real thing, `assumed` (and the guard band tried it), or `unknown`:
nobody has looked, and no run allowed for it. It is `none` where the real thing itself ran. Beside
the parts stands how whole runs in virtual time agree with those of real processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scalecert.certificate.parts import CertificatePart
from scalecert.recording.agreement import Agreement
from scalecert.recording.fidelity import Comparison, Fidelity
from scalecert.recording.plan import Plan, WallClock
from scalecert.recording.variations import PARTS, Part

Basis = Literal["none", "measured", "assumed", "unknown"]
_TRUST: tuple[Basis, ...] = ("none", "measured", "assumed", "unknown")


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


class WorldsError(CertificatePart, frozen=True, kw_only=True):
    """How far whole runs in virtual time are from those of real processes, with this profile.

    `measured`, or `unknown` for the reason in `against`. Of `pairs` of scenario and policy,
    `within_limits` keep all limits, and `unseen` were not looked at before; the differences are
    those of the pair that differs most, each the mean over its runs (`recording.agreement`).
    `first_scale_up_syncs` is None where one world scaled up and the other did not.
    """

    basis: Basis
    against: str
    pairs: int = 0
    unseen: int = 0
    within_limits: int = 0
    replica_difference: float | None = None
    first_scale_up_syncs: float | None = None
    p50_difference: float | None = None
    p95_difference: float | None = None
    verdicts_compared: int = 0
    verdicts_differing: int = 0


class ModelErrors(CertificatePart, frozen=True, kw_only=True):
    """The models behind a verdict, apart: a small error of one says nothing of the others.

    `worlds` is of all of them together; None on certificates of earlier releases.
    """

    hpa: KnownError
    pipeline: KnownError
    engine: EngineErrors
    worlds: WorldsError | None = None


def model_errors(plans: Sequence[Plan]) -> ModelErrors:
    """Return the errors as they were known when the plans were made, the worst of any plan.

    A start-up time that a scenario states itself is no prediction of the profile: unknown.
    """
    parts = {part: _worst([_part(plan, part) for plan in plans]) for part in PARTS}
    return ModelErrors(
        hpa=_worst([_hpa(plan) for plan in plans]),
        pipeline=_worst([_pipeline(plan) for plan in plans]),
        engine=EngineErrors(**parts),
        worlds=None
        if any(plan.wall_clock for plan in plans)
        else _worlds([plan.fidelity for plan in plans]),
    )


def _hpa(plan: Plan) -> KnownError:
    """Return the HPA's error: none where the controller itself decided."""
    if plan.wall_clock is not None:
        version = _version(plan.wall_clock, "kubernetes")
        return KnownError(basis="none", against=f"kube-controller-manager{version} itself decided")
    return _compared(plan.fidelity.hpa) if plan.fidelity else _UNSAID


def _pipeline(plan: Plan) -> KnownError:
    """Return the metric path's error; a real Prometheus is not yet a real adapter."""
    if plan.wall_clock is not None:
        version = _version(plan.wall_clock, "prometheus")
        against = f"Prometheus{version} itself scraped, but its adapter is a model that was never"
        return KnownError(basis="unknown", against=f"{against} compared with a real one")
    return _compared(plan.fidelity.pipeline) if plan.fidelity else _UNSAID


def _version(wall_clock: WallClock, component: str) -> str:
    version = wall_clock.components.get(component)
    return f" {version}" if version else ""


def _worlds(known: Sequence[Fidelity | None]) -> WorldsError:
    """Return what the plans say of whole runs; unknown where one of them does not say."""
    found = [one.worlds for one in known if one and one.worlds]
    if len(found) == len(known):
        return _agreed(found[0])
    reasons = (one.worlds_unmeasured for one in known if one and not one.worlds)
    return WorldsError(basis="unknown", against=next(reasons, "") or _UNSAID.against)


def _agreed(found: Agreement) -> WorldsError:
    """Return the figures of an agreement; one session's plans all have the same."""
    parts = " and ".join(f"{name} {version}" for name, version in found.components.items())
    return WorldsError(
        basis="measured",
        against=f"world local{f' ({parts})' if parts else ''}",
        pairs=found.pairs,
        unseen=found.unseen,
        within_limits=found.within_limits,
        replica_difference=found.replica_difference,
        first_scale_up_syncs=found.first_scale_up_syncs,
        p50_difference=found.p50_difference,
        p95_difference=found.p95_difference,
        verdicts_compared=found.verdicts_compared,
        verdicts_differing=found.verdicts_differing,
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
