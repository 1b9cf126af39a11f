"""Targets that next steps speak of: as a manifest has them, and how high one may be.

Beside `advice`, which decides what to say, and `reach`, which judges targets by what is known.
"""

from __future__ import annotations

import math

from scalecert.recording.plan import Signal
from scalecert.units import memory_quantity

_ROOM = 0.8
"""Share of what a metric can rise to that a target, tolerance included, leaves to rise to."""


def quantity(signal: Signal, value: float) -> str:
    """Return a target as a manifest has it: `12`, `0.5 (500m)`, `80 %`, `92Gi`."""
    if signal.target_type == "Utilization":
        return f"{value:.0f} %"
    if signal.unit == "bytes":
        return memory_quantity(value)
    if value >= 100:
        return f"{value:.0f}"
    rounded = float(f"{value:.2g}")
    return f"{rounded:g} ({rounded * 1000:.0f}m)" if 0 < rounded < 1 else f"{rounded:g}"


def moved(signal: Signal, then: float, verb: str, effect: str) -> str:
    """Return the advice to move a target: `verb` it to `then`, so that replicas are `effect`."""
    return (
        f"{verb} the target of {signal.metric} from {quantity(signal, signal.target_value)} to"
        f" about {quantity(signal, then)}, so that replicas are {effect}"
    )


def highest_useful_target(signal: Signal, highest: float) -> float:
    """Return the highest target that a metric which can rise to `highest` exceeds clearly."""
    return _ROOM * highest / (1 + signal.tolerance_up)


def highest_value(signal: Signal) -> float:
    """Return how far a metric can rise; inf if nothing says."""
    usual = signal.usual_maximum.highest if signal.usual_maximum is not None else math.inf
    return min(usual, math.inf if signal.maximum is None else signal.maximum)
