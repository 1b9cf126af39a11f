"""All that the runs of the arms gave: in memory, and as docs/published.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from published_report.claims import Phase, Side
from scalecert.recording.plan import Plan

Key = tuple[str, Phase]
"""A figure and the phase that it is of."""


class Facts(msgspec.Struct, frozen=True, rename="camel"):
    """What the report says of an arm beside its figures; rates in requests per second.

    `unit_per_second` is what a saturated replica serves, `settling_per_second` the load that was
    searched, None where none was.
    """

    profile: str
    profile_digest: str
    engine_version: str | None
    unit_per_second: float
    peak_per_second: float
    settling_per_second: float | None = None

    @classmethod
    def of(cls, plan: Plan, settling_per_second: float | None) -> Facts:
        """Return the facts of an arm by one of its runs: they are the same in all of them."""
        return cls(
            profile=plan.engine.profile,
            profile_digest=plan.engine.profile_digest,
            engine_version=plan.engine.version,
            unit_per_second=plan.capacity.requests_per_second,
            peak_per_second=plan.load.peak_per_second,
            settling_per_second=settling_per_second,
        )


@dataclass(frozen=True, slots=True)
class Results:
    """Per arm its facts, and its figures seed by seed."""

    seeds: tuple[int, ...]
    facts: Mapping[str, Facts]
    figures: Mapping[str, Mapping[Key, tuple[float, ...]]]

    def side(self, side: Side | float) -> tuple[float, ...]:
        """Return one side of a claim, seed by seed."""
        if not isinstance(side, Side):
            return (side,) * len(self.seeds)
        values = self.figures[side.arm][side.figure, side.phase]
        return tuple(side.factor * value for value in values)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it: six digits, null for a figure that a run does not have."""
        arms = {
            name: {
                "facts": msgspec.to_builtins(facts),
                "figures": {
                    f"{figure} ({part})": [plain(value) for value in values]
                    for (figure, part), values in self.figures[name].items()
                },
            }
            for name, facts in self.facts.items()
        }
        return {"seeds": list(self.seeds), "arms": arms}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Results:
        """Return what `document` was made of, rounded as it is there."""
        arms = document["arms"]
        return cls(
            tuple(document["seeds"]),
            {name: msgspec.convert(arm["facts"], Facts) for name, arm in arms.items()},
            {
                name: {
                    _key(text): tuple(math.nan if one is None else one for one in values)
                    for text, values in arm["figures"].items()
                }
                for name, arm in arms.items()
            },
        )


def _key(text: str) -> Key:
    figure, _, part = text.rstrip(")").partition(" (")
    return figure, cast("Phase", part)


def plain(value: float) -> float | None:
    """Return a figure to six digits, None for what is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
