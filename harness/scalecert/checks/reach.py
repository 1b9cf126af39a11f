"""How far signals can rise, by what is known without a run: bounds of the engine, request sizes.

The static half of `signal-reachable`; `scalecert lint` judges a policy with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scalecert.checks.registry import Outcome
from scalecert.checks.targets import highest_useful_target, quantity
from scalecert.recording.plan import Signal
from scalecert.units import format_figure, format_percent


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound of a signal that counts: its highest value, and whether request sizes set it.

    `room` is that value / the one that a scale-up needs more than.
    """

    signal: Signal
    highest: float
    by_sizes: bool

    @property
    def room(self) -> float:
        # One ulp of rounding must not make a metric that just meets its threshold exceed it.
        return round(self.highest / threshold(self.signal), 12)


def reachable(signals: Sequence[Signal]) -> Outcome | None:
    """Return the outcome for the bounded metrics, None if there is none."""
    there = [signal for signal in signals if signal.exists and signal.target_value > 0]
    bounds = [bound for signal in there if (bound := _bound(signal)) is not None]
    if not bounds:
        return None
    worst = min(bounds, key=lambda bound: bound.room)
    return Outcome(
        measured=worst.room,
        message=_message(worst),
        next_step=worst.signal.hint or _next_step(worst),
        evidence={
            "metrics": [
                {"index": one.signal.index, "metric": one.signal.metric, "room": one.room}
                for one in bounds
            ],
            "maximum": worst.highest,
            "target": worst.signal.target_value,
        },
    )


def threshold(signal: Signal) -> float:
    """Return the value that the metric has to exceed for a scale-up."""
    return signal.target_value * (1 + signal.tolerance_up)


def lower_target(signal: Signal, highest: float) -> str:
    """Return the advice to leave a fifth of what the metric can rise to above the threshold."""
    about = quantity(signal, highest_useful_target(signal, highest))
    return f"{_lower(signal)} to at most about {about}"


def _lower(signal: Signal) -> str:
    return f"lower the target of {signal.metric} from {quantity(signal, signal.target_value)}"


def _bound(signal: Signal) -> _Bound | None:
    """Return what bounds a signal: the engine where that is enough to fail, else the lower one."""
    usual = signal.usual_maximum
    by_engine = None if signal.maximum is None else _Bound(signal, signal.maximum, by_sizes=False)
    by_sizes = None if usual is None else _Bound(signal, usual.highest, by_sizes=True)
    if by_engine is None or by_sizes is None:
        return by_engine or by_sizes
    enough = by_engine.room <= 1 or by_engine.highest <= by_sizes.highest
    return by_engine if enough else by_sizes


def _message(bound: _Bound) -> str:
    signal, needed = bound.signal, _figure(bound.signal, threshold(bound.signal))
    if bound.room > 1:
        how = f"{_figure(signal, bound.highest)}{_with_sizes(bound)}"
        return f"{signal.metric} can rise to {how}, a scale-up needs more than {needed}"
    if signal.reason:
        return f"{signal.metric} can't rise far enough: {signal.reason}"
    if bound.highest <= 0:
        return f"{signal.metric} can't exceed 0: it is always 0, so it never scales up"
    if _is_unit_mismatch(signal):
        return (
            f"unit mismatch: {signal.metric} is a fraction 0-{signal.maximum:g} against a target of"
            f" {signal.target_value:g}, it never scales up"
        )
    tolerance = format_percent(signal.tolerance_up)
    return (
        f"{signal.metric} {_stays_below(bound)}, a scale-up needs more than {needed}"
        f" (target {_figure(signal, signal.target_value)} and {tolerance} tolerance): it never"
        " scales up"
    )


def _figure(signal: Signal, value: float, digits: int = 4) -> str:
    return format_figure(value, signal.unit, digits)


def _stays_below(bound: _Bound) -> str:
    usual = bound.signal.usual_maximum
    if not bound.by_sizes or usual is None:
        return f"can't exceed {_figure(bound.signal, bound.highest, 6)}"
    chance = f" ({usual.highest:.3g} by chance)" if usual.highest > usual.value else ""
    return f"stays around {usual.value:.3g}{chance}{_with_sizes(bound)}, however long the queue"


def _with_sizes(bound: _Bound) -> str:
    usual = bound.signal.usual_maximum
    if not bound.by_sizes or usual is None:
        return ""
    return f" with requests of {usual.input_tokens:.0f} tokens in and {usual.output_tokens:.0f} out"


def _is_unit_mismatch(signal: Signal) -> bool:
    """Tell whether a fraction, or some added up, are compared with a percentage."""
    if signal.maximum is None or not signal.maximum < signal.target_value:
        return False
    return signal.target_value > 1 and (signal.maximum <= 1 or signal.unit == "fraction")


def _next_step(bound: _Bound) -> str:
    signal = bound.signal
    if bound.highest <= 0:
        return (
            "scale on a metric that follows the load: no server of this engine ever sets this one"
        )
    then = signal.target_value / 100
    if _is_unit_mismatch(signal) and then * (1 + signal.tolerance_up) < bound.highest:
        return f"did you mean {then:g} ({then * 1000:g}m)?"
    if signal.target_value < bound.highest and not bound.by_sizes:
        return _within_tolerance(bound)
    return lower_target(signal, bound.highest)


def _within_tolerance(bound: _Bound) -> str:
    """Return the advice for a target that only the tolerance puts out of reach."""
    signal = bound.signal
    limit = bound.highest / (1 + signal.tolerance_up)
    step = 10.0 ** (math.floor(math.log10(limit)) - 1)  # of two digits, as advice has them
    most = quantity(signal, step * (math.ceil(round(limit / step, 9)) - 1))
    return (
        f"{_lower(signal)} to at most {most}: target x {1 + signal.tolerance_up:g} must stay below"
        f" {_figure(signal, bound.highest, 6)}"
    )
