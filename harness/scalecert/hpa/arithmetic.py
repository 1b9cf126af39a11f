"""Fixed-width integers and float conversions as Go does them on amd64.

The controller counts replicas in int32 and milli-values in int64, and nothing in it guards every
sum and product. A faithful port has to overflow where it overflows.
"""

from __future__ import annotations

import math
from typing import Final

MIN_INT32: Final = -(2**31)
MAX_INT32: Final = 2**31 - 1
MIN_INT64: Final = -(2**63)
MAX_INT64: Final = 2**63 - 1


def wrap_int32(value: int) -> int:
    """Return the low 32 bits of `value` as a signed integer."""
    return ((value + 2**31) & 0xFFFFFFFF) - 2**31


def wrap_int64(value: int) -> int:
    """Return the low 64 bits of `value` as a signed integer."""
    return ((value + 2**63) & 0xFFFFFFFFFFFFFFFF) - 2**63


def fits_int64(value: int) -> bool:
    """Tell whether `value` is in the range of int64."""
    return MIN_INT64 <= value <= MAX_INT64


def truncated_quotient(dividend: int, divisor: int) -> int:
    """Divide and drop the fraction (toward zero, where Python's `//` goes down), in int64.

    Raises:
        ZeroDivisionError: the divisor is 0.
    """
    quotient = abs(dividend) // abs(divisor)
    return wrap_int64(quotient if (dividend < 0) == (divisor < 0) else -quotient)


def float_quotient(dividend: float, divisor: float) -> float:
    """Divide as IEEE 754 does: by zero gives an infinity, zero by zero gives NaN."""
    if divisor:
        return dividend / divisor
    if dividend == 0 or math.isnan(dividend):
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def truncated_to_int32(value: float) -> int:
    """Convert to int32, dropping the fraction; NaN and what doesn't fit become MIN_INT32."""
    if not math.isfinite(value):
        return MIN_INT32
    whole = int(value)
    return whole if MIN_INT32 <= whole <= MAX_INT32 else MIN_INT32


def ceiling_to_int32(value: float) -> int:
    """Round up to int32; NaN and what doesn't fit become MIN_INT32."""
    if not math.isfinite(value):
        return MIN_INT32
    whole = math.ceil(value)
    return whole if MIN_INT32 <= whole <= MAX_INT32 else MIN_INT32


def ceiling_to_int64(value: float) -> int:
    """Round up to int64; NaN and what doesn't fit become MIN_INT64."""
    if not math.isfinite(value):
        return MIN_INT64
    whole = math.ceil(value)
    return whole if fits_int64(whole) else MIN_INT64


def power_of_ten(exponent: int) -> float:
    """Return 10**exponent with the rounding of Go's math.Pow10 (a product of two table entries)."""
    if exponent < -323:
        return 0.0
    if exponent > 308:
        return math.inf
    coarse, fine = divmod(abs(exponent), 32)
    if exponent < 0:
        return float(f"1e-{32 * coarse}") / float(f"1e{fine}")
    return float(f"1e{32 * coarse}") * float(f"1e{fine}")
