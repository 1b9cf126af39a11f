"""Numbers as Rust prints them."""

from __future__ import annotations

from decimal import Decimal


def decimal(value: float) -> str:
    """Return a number as `Display` does: no exponent, and no point after a whole one."""
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def json_float(value: float) -> str:
    """Return a number as serde_json does (ryu): a point or an exponent always."""
    text = repr(value)
    if "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    power = int(exponent)
    if power == _LEAST_PLAIN:
        return format(Decimal(text), "f")
    return f"{digits}e{power}"


_LEAST_PLAIN = -5
"""The power of ten that Python writes as an exponent already, ryu not yet."""
