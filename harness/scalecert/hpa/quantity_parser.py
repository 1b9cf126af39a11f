"""Reads the text of a quantity (upstream's ParseQuantity).

What is accepted is upstream's scanner and no regular expression: it takes `.5`, `5.` and a bare
suffix, and stops at the first character that fits nowhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from scalecert.errors import ScaleCertError
from scalecert.hpa.arithmetic import MAX_INT64, fits_int64, wrap_int32

_DIGITS: Final = frozenset("0123456789")
_SUFFIX_LETTERS: Final = frozenset("eEinumkKMGTP")
_NANO: Final = -9
_MAX_INT64_DIGITS: Final = 18
# Upstream would build any power of ten; a text of ten characters must not cost gigabytes here.
_DIGITS_LIMIT: Final = 1000

_WRONG_FORMAT: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_WRONG_NUMBER: Final = "unable to parse numeric part of quantity"
_WRONG_SUFFIX: Final = "unable to parse quantity's suffix"

_DECIMAL_SUFFIXES: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY_SUFFIXES: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


class QuantityError(ScaleCertError, ValueError):
    """A text is not a quantity."""


class Format(StrEnum):
    """The suffix family a quantity is written in."""

    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


class Parsed(NamedTuple):
    """What a text says, as `quantity.Quantity` holds it."""

    unscaled: int
    scale: int
    form: Format
    big: bool = False
    text: str = ""


class _Parts(NamedTuple):
    negative: bool
    value: str  # sign, digits and point as written
    whole: str
    fraction: str
    suffix: str


def parse(text: str) -> Parsed:
    """Return the quantity that `text` says.

    Raises:
        QuantityError: the text is not a quantity.
    """
    if not text:
        raise QuantityError(_WRONG_FORMAT)
    if text == "0":
        return Parsed(0, 0, Format.DECIMAL_SI, text=text)
    parts = _split(text)
    exponent, form = _interpret(parts.suffix)
    return _small(text, parts, exponent, form) or _big(parts, exponent, form)


def _end_of_run(text: str, start: int, allowed: frozenset[str]) -> int:
    end = start
    while end < len(text) and text[end] in allowed:
        end += 1
    return end


def _split(text: str) -> _Parts:
    negative = text[0] == "-"
    start = _end_of_run(text, 1 if text[0] in "+-" else 0, frozenset("0"))
    if start == len(text):
        return _Parts(negative, "0", "0", "", "")
    position = _end_of_run(text, start, _DIGITS)
    whole = text[start:position] or "0"
    fraction = ""
    if text[position : position + 1] == ".":
        end = _end_of_run(text, position + 1, _DIGITS)
        fraction, position = text[position + 1 : end], end
    return _Parts(negative, text[:position], whole, fraction, _suffix(text, position))


def _suffix(text: str, start: int) -> str:
    position = _end_of_run(text, start, _SUFFIX_LETTERS)
    if text[position : position + 1] in ("+", "-"):
        position += 1
    if _end_of_run(text, position, _DIGITS) != len(text):
        raise QuantityError(_WRONG_FORMAT)
    return text[start:]


def _interpret(suffix: str) -> tuple[int, Format]:
    """Return the exponent (of ten, or of two for BinarySI) and the family of a suffix."""
    if suffix in _DECIMAL_SUFFIXES:
        return _DECIMAL_SUFFIXES[suffix], Format.DECIMAL_SI
    if suffix in _BINARY_SUFFIXES:
        return _BINARY_SUFFIXES[suffix], Format.BINARY_SI
    digits = suffix[2:] if suffix[1:2] in ("+", "-") else suffix[1:]
    if suffix[0] not in "eE" or not digits or not _DIGITS.issuperset(digits):
        raise QuantityError(_WRONG_SUFFIX)
    digits = digits.lstrip("0") or "0"
    if len(digits) > _MAX_INT64_DIGITS + 1 or not fits_int64(int(digits)):
        raise QuantityError(_WRONG_SUFFIX)
    return wrap_int32(-int(digits) if suffix[1] == "-" else int(digits)), Format.DECIMAL_EXPONENT


def _small(text: str, parts: _Parts, exponent: int, form: Format) -> Parsed | None:
    """Return the quantity as an int64 with a scale, or None where upstream takes a big decimal."""
    digits = parts.whole + parts.fraction
    multiplier, scale = 1, exponent - len(parts.fraction)
    spare_digits = _MAX_INT64_DIGITS - len(digits)
    if form is Format.BINARY_SI:
        multiplier, scale = 1 << exponent, 0
        spare_digits = 14 - len(digits) - exponent * 3 // 10 if not parts.fraction else -1
    if spare_digits < 0 or scale < _NANO:
        return None
    magnitude = int(digits)
    unscaled = magnitude * multiplier
    if not fits_int64(unscaled):
        return None
    return Parsed(
        -unscaled if parts.negative else unscaled,
        scale,
        form,
        text=text if _kept_as_written(form, magnitude, digits, scale) else "",
    )


def _kept_as_written(form: Format, magnitude: int, digits: str, scale: int) -> bool:
    """Tell whether upstream keeps the text as the canonical form without making one."""
    if form is Format.BINARY_SI:
        return magnitude & 7 != 0
    return scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _big(parts: _Parts, exponent: int, form: Format) -> Parsed:
    """Return the quantity as a decimal of nine places, rounded up in magnitude."""
    if not any(character in _DIGITS for character in parts.value):
        raise QuantityError(_WRONG_NUMBER)
    if len(parts.value) > _DIGITS_LIMIT:
        raise QuantityError(f"more than {_DIGITS_LIMIT} digits")
    magnitude, scale = int(parts.whole + parts.fraction), -len(parts.fraction)
    if form is Format.BINARY_SI:
        magnitude <<= exponent
    else:
        scale += exponent
    if magnitude:
        magnitude, scale = _at_nano(magnitude, scale), _NANO
    if form is Format.BINARY_SI:
        if magnitude > MAX_INT64 * 10**-scale:
            magnitude, scale = MAX_INT64, 0
        elif 0 < magnitude < 10**-scale:
            form = Format.DECIMAL_SI
    return Parsed(-magnitude if parts.negative else magnitude, scale, form, big=True)


def _at_nano(magnitude: int, scale: int) -> int:
    """Return magnitude * 10**scale in units of 1e-9, rounded up."""
    shift = scale - _NANO
    if shift > _DIGITS_LIMIT:
        raise QuantityError(f"more than {_DIGITS_LIMIT} digits")
    if shift >= 0:
        return int(magnitude * 10**shift)
    if -shift > magnitude.bit_length():  # 10**n has more than n bits: less than one unit
        return 1
    return int(-(-magnitude // 10**-shift))
