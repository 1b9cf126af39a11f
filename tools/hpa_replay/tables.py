"""Replays percent limits and quantities, which are plain tables."""

from __future__ import annotations

import msgspec

from hpa_replay.verdict import Verdict, difference
from scalecert.hpa.behavior import (
    ScaleEvents,
    calculate_scale_down_limit_with_behaviors,
    calculate_scale_up_limit,
    calculate_scale_up_limit_with_scaling_rules,
)
from scalecert.hpa.quantity import parse_quantity
from scalecert.hpa.quantity_parser import QuantityError
from scalecert.hpa.types import HPAScalingPolicy, HPAScalingPolicyType, HPAScalingRules


class RecordedQuantity(msgspec.Struct, frozen=True):
    """A text, and what it parses to."""

    q: str
    milli: int = 0
    approximate: int | float = msgspec.field(default=0.0, name="float")
    canon: str = ""
    err: str = ""


_ROW = msgspec.json.Decoder(tuple[int, int, int, int, int])
_QUANTITY = msgspec.json.Decoder(RecordedQuantity)


def replay_percent_limit(line: bytes) -> Verdict:
    """Compute the limits of a Percent policy without past events."""
    current, percent, up, down, without_behavior = _ROW.decode(line)
    policy = HPAScalingPolicy(type=HPAScalingPolicyType.PERCENT, value=percent, period_seconds=15)
    rules = HPAScalingRules(policies=(policy,))
    found = (
        calculate_scale_up_limit_with_scaling_rules(current, ScaleEvents(), rules, now_ms=0),
        calculate_scale_down_limit_with_behaviors(current, ScaleEvents(), rules, now_ms=0),
        calculate_scale_up_limit(current),
    )
    name = f"{percent} % of {current}"
    return Verdict(name, difference("limits", (up, down, without_behavior), found))


def replay_quantity(line: bytes) -> Verdict:
    """Parse a quantity and convert it."""
    record = _QUANTITY.decode(line)
    try:
        quantity = parse_quantity(record.q)
    except QuantityError as error:
        return Verdict(repr(record.q), difference("err", record.err, str(error)))
    expected = (record.err, record.milli, float(record.approximate), record.canon)
    found = ("", quantity.milli_value, quantity.as_approximate_float64(), str(quantity))
    return Verdict(repr(record.q), difference("quantity", expected, found))
