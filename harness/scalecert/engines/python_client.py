"""Numbers as Prometheus' client library for Python writes them: vLLM and JetStream use it."""

from __future__ import annotations

from math import inf, isnan

_LONGEST_WHOLE = 6
"""Digits before the point that are written out."""


def written(value: float) -> str:
    """Return a number as `floatToGoString` of prometheus_client/utils.py writes it.

    From 1e6 on with an exponent of at least two digits.
    """
    if value == inf:
        return "+Inf"
    if value == -inf:
        return "-Inf"
    if isnan(value):
        return "NaN"
    text = repr(float(value))
    whole, point, fraction = text.partition(".")
    if not point or value < 0 or len(whole) <= _LONGEST_WHOLE:
        return text
    mantissa = f"{whole[0]}.{whole[1:]}{fraction}".rstrip("0.")
    return f"{mantissa}e+{len(whole) - 1:02d}"
