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
_WORLDS = {"sim": ("S1", "S2")}
"""World: its level on an estimated and on a measured engine profile."""
LEVELS = tuple(level for pair in _WORLDS.values() for level in pair)
"""The levels that this release knows."""


class Assurance(CertificatePart, frozen=True):
    """`level`: S1 (simulated, estimated profile) or S2 (simulated, measured profile).

    A profile that was measured on another server than the manifests run is S1: there it estimates.

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
    return min((_of(plan) for plan in plans), key=lambda one: one.level)


def _of(plan: Plan) -> Assurance:
    levels = _WORLDS.get(plan.world)
    if levels is None:
        expected = ", ".join(_WORLDS)
        raise UsageError(f"found {plan.world!r}, expected {expected}", field="world")
    if plan.engine.profile_provenance != MEASURED:
        return Assurance(levels[False], f"{plan.world}, estimated profile")
    if plan.engine.unlike:
        return Assurance(levels[False], f"{plan.world}, profile measured on another server")
    return Assurance(levels[True], f"{plan.world}, measured profile")
