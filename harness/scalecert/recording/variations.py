"""The guard band: which runs of a scenario make a verdict, and which tell what it hangs on.

A scenario is run with several seeds at the costs of the engine profile, and at the two corners of
the profile's error: everything slower, everything faster, each part by its own error. A verdict is
a pass or a failure where all of these agree. Where a corner disagrees, runs with one part alone off
tell which measurement would decide (`alone`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from scalecert.recording.plan import ModelError, Variation

SEEDS = 3
"""Runs at the profile's own costs: two can agree by chance, more cost time without changing much
(the noise of arrivals is in every one of thousands of requests already)."""

Part = Literal["prefill", "decode", "startup"]
PARTS: tuple[Part, ...] = ("prefill", "decode", "startup")
"""What the errors of a profile are about."""

SLOW, FAST = "slow", "fast"
_SIGNS = {SLOW: 1.0, FAST: -1.0}


def guard_band(seed: int, errors: Mapping[str, ModelError]) -> tuple[Variation, ...]:
    """Return the runs of a scenario, the one that gives the figures first.

    Args:
        seed: of the first run; the others follow it.
        errors: of the engine profile, by part; without any there are no corners.
    """
    seeds = tuple(nominal(seed + number) for number in range(SEEDS))
    return (*seeds, *(_corner(name, seed, errors, PARTS) for name in _SIGNS if _any(errors)))


def nominal(seed: int) -> Variation:
    """Return the run of a seed at the profile's own costs."""
    return Variation(name=f"seed-{seed}", seed=seed)


def alone(corner: str, seed: int, errors: Mapping[str, ModelError]) -> tuple[Variation, ...]:
    """Return the runs that have one part off at a time, in the direction of a corner."""
    return tuple(
        _corner(name_alone(corner, part), seed, errors, (part,))
        for part in PARTS
        if part in errors and errors[part].relative > 0
    )


def name_alone(corner: str, part: Part) -> str:
    """Return the name of the run with that part alone off."""
    return f"{corner}-{part}"


def place(variation: Variation) -> tuple[int, int, int, str]:
    """Return the place of a run among those of its scenario, as a key to sort by.

    Seeds come first, then the corners, then what was run with one part alone off.
    """
    corner, _, part = variation.name.partition("-")
    if variation.is_nominal or corner not in _SIGNS:
        return (0 if variation.is_nominal else 3), variation.seed, 0, variation.name
    column = PARTS.index(part) if part in PARTS else 0
    return (2 if part else 1), list(_SIGNS).index(corner), column, variation.name


def _any(errors: Mapping[str, ModelError]) -> bool:
    return any(error.relative > 0 for error in errors.values())


def _corner(
    name: str, seed: int, errors: Mapping[str, ModelError], parts: Iterable[Part]
) -> Variation:
    sign = _SIGNS[name.partition("-")[0]]
    off = {part: 1.0 + sign * errors[part].relative for part in parts if part in errors}
    return Variation(name=name, seed=seed, **off)
