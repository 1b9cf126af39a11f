"""The assurance level of a certificate: what stood in for the cluster, and how well it is known.

A verdict is worth what it was made on. The level stands on the first line, so that nobody reads a
bare "certified"; what it holds for, and how far the models may be off, are in `envelope` and
`model_errors`.
"""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.certificate.parts import CertificatePart
from scalecert.errors import HarnessBug, UsageError
from scalecert.recording.plan import Plan

MEASURED = "measured"
_ESTIMATED_PROFILE, _MEASURED_PROFILE = "1", "2"
_LETTERS = {"sim": "S", "local": "L"}
_LAPSED = "T"
LEVELS = ("S1", "T1", "L1", "S2", "T2", "L2")
"""The levels that this release knows, the lowest first: what is known of the engine weighs more
than what stood in for the cluster, because it moves every latency."""


class Assurance(CertificatePart, frozen=True):
    """`level`: a letter for what stood in for the cluster, a digit for what is known of the engine.

    S: all of it simulated. L: real control plane, Prometheus and load, mock servers as processes.
    T: the same in time lapse, so that what can't be hurried weighs more than it would. 1: estimated
    engine profile, 2: measured. A profile that was measured on another server than the manifests
    run is 1: there it estimates.

    `title` says the same in words. Levels are only ever added, so readers let pass others.
    """

    level: str
    title: str


def assurance(plans: Sequence[Plan]) -> Assurance:
    """Return the level of what was judged by these plans: the lowest of any.

    Raises:
        HarnessBug: without a plan.
        UsageError: for a recording of a world that has no level.
    """
    if not plans:
        raise HarnessBug("no plan, no assurance level")
    return min((_of(plan) for plan in plans), key=lambda one: LEVELS.index(one.level))


def _of(plan: Plan) -> Assurance:
    letter = _LETTERS.get(plan.world)
    if letter is None:
        expected = ", ".join(_LETTERS)
        raise UsageError(f"found {plan.world!r}, expected {expected}", field="world")
    world = plan.world
    if plan.time_lapse > 1:
        letter, world = _LAPSED, f"{world} in time lapse, {plan.time_lapse} times as fast"
    digit, profile = _profile(plan)
    return Assurance(f"{letter}{digit}", f"{world}, {profile}")


def _profile(plan: Plan) -> tuple[str, str]:
    """Return the digit of what is known of the engine, and the words."""
    if plan.engine.profile_provenance != MEASURED:
        return _ESTIMATED_PROFILE, "estimated profile"
    if plan.engine.unlike:
        return _ESTIMATED_PROFILE, "profile measured on another server"
    return _MEASURED_PROFILE, "measured profile"
