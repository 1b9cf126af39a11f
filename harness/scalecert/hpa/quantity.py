"""Quantities of the Kubernetes API: `500m`, `1.5Gi`, `2e3` (k8s.io/apimachinery, api/resource).

A quantity is `unscaled * 10**scale` with the suffix family it was written in. Upstream holds small
ones in an int64 and the others in a big decimal, and the two round and overflow differently; a
`Quantity` remembers which of the two it would be, so that milli-values come out the same. It is a
scalar of documents (`scalecert.scalars`).
"""

from __future__ import annotations

from typing import Any, Final

from scalecert.hpa.arithmetic import (
    MAX_INT64,
    MIN_INT64,
    fits_int64,
    power_of_ten,
    truncated_quotient,
    wrap_int64,
)
from scalecert.hpa.quantity_parser import Format, QuantityError, parse

_MILLI: Final = -3
_EXPECTED: Final = "expected a quantity such as 10, 500m or 2Gi"
_INT64_DIGITS: Final = 19
_POWERS_THAT_WRAP: Final = frozenset({1, 2, 3, 6, 9})
_SUFFIX_OF_THOUSANDS: Final = {
    -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
}  # fmt: skip
_SUFFIX_OF_1024: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class Quantity:
    """A fixed-point number of the Kubernetes API; immutable, equal by value.

    Args:
        unscaled: the mantissa.
        scale: the power of ten that it is multiplied by.
        form: the suffix family.
        big: held as a big decimal upstream (else as an int64).
        text: the text it was parsed from, where that is kept as its canonical form.
    """

    __slots__ = ("_big", "_form", "_scale", "_text", "_unscaled")

    def __init__(
        self, unscaled: int, scale: int, form: Format, *, big: bool = False, text: str = ""
    ) -> None:
        self._unscaled, self._scale = unscaled, scale
        self._form, self._big, self._text = form, big, text

    @classmethod
    def from_milli(cls, milli: int, form: Format = Format.DECIMAL_SI) -> Quantity:
        """Return `milli / 1000` (upstream's NewMilliQuantity)."""
        return cls(milli, _MILLI, form)

    @classmethod
    def decode(cls, value: object) -> Quantity:
        """Return the quantity that a YAML or JSON scalar says: a string or a bare number.

        Raises:
            QuantityError: the value is neither, or not a quantity.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise QuantityError(_EXPECTED)
        try:
            # tabs and line ends are escapes in JSON, and upstream trims what is between the quotes
            return parse_quantity(str(value).strip(" "))
        except QuantityError as error:
            raise QuantityError(_EXPECTED) from error

    def encode(self) -> str:
        """Return the canonical form."""
        return str(self)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a quantity (the API's own: int-or-string)."""
        return {"oneOf": [{"type": "string"}, {"type": "number"}]}

    @property
    def format(self) -> Format:
        """The suffix family."""
        return self._form

    @property
    def sign(self) -> int:
        """-1, 0 or 1."""
        return (self._unscaled > 0) - (self._unscaled < 0)

    @property
    def milli_value(self) -> int:
        """1000 times the quantity, rounded up, in int64 with upstream's overflow."""
        return self._scaled_value(_MILLI)

    def as_approximate_float64(self) -> float:
        """Return the mantissa times a power of ten, in float64 (may be off in the last bit)."""
        try:
            base = float(self._unscaled)
        except OverflowError:
            base = float("inf") * self.sign
        return base if self._scale == 0 else base * power_of_ten(self._scale)

    def __str__(self) -> str:
        """Return the canonical form."""
        return self._text or self._canonical()

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self._normal() == other._normal()

    def __hash__(self) -> int:
        return hash(self._normal())

    def _normal(self) -> tuple[int, int]:
        """Return mantissa and scale without trailing zeros: equal for equal values."""
        if self._unscaled == 0:
            return 0, 0
        mantissa, factors = _without_factors(self._unscaled, 10)
        return mantissa, self._scale + factors

    def _scaled_value(self, scale: int) -> int:
        if self._big:
            return _big_scaled_value(self._unscaled, self._scale - scale)
        if self._scale < scale:
            return _divided_away_from_zero(self._unscaled, scale - self._scale)
        return _multiplied(self._unscaled, self._scale - scale)

    def _canonical(self) -> str:
        if self._unscaled == 0:
            return "0"
        if self._form is Format.BINARY_SI:
            whole, exact = self._rounded_to_whole()
            # small and fractional amounts are shown in decimal, so that nothing is lost
            if exact and not -1024 < whole < 1024:
                mantissa, factors = _without_factors(whole, 1024)
                return f"{mantissa}{_SUFFIX_OF_1024[factors]}"
        mantissa, exponent = self._in_thousands()
        if self._form is Format.DECIMAL_EXPONENT:
            return f"{mantissa}e{exponent}" if exponent else str(mantissa)
        # upstream prints no suffix at all beyond E; kept, since it is what a user would see
        return f"{mantissa}{_SUFFIX_OF_THOUSANDS.get(exponent, '')}"

    def _rounded_to_whole(self) -> tuple[int, bool]:
        if self._scale >= 0:
            return self._unscaled * 10**self._scale, True
        divisor = 10**-self._scale
        quotient, rest = divmod(abs(self._unscaled), divisor)
        whole = quotient + (rest > 0)
        return (whole if self._unscaled > 0 else -whole), rest == 0

    def _in_thousands(self) -> tuple[int, int]:
        mantissa, factors = _without_factors(self._unscaled, 10)
        exponent = self._scale + factors
        spare = exponent % 3
        return mantissa * 10**spare, exponent - spare


def parse_quantity(text: str) -> Quantity:
    """Return the quantity that `text` says.

    Raises:
        QuantityError: the text is not a quantity.
    """
    found = parse(text)
    return Quantity(found.unscaled, found.scale, found.form, big=found.big, text=found.text)


def _without_factors(value: int, base: int) -> tuple[int, int]:
    """Return `value` without its factors of `base`, and how many there were."""
    count = 0
    while value % base == 0:
        value //= base
        count += 1
    return value, count


def _power(exponent: int) -> int:
    """Return 10**exponent for an exponent that is not negative."""
    return int(10**exponent)


def _multiplied(value: int, digits: int) -> int:
    """Return value * 10**digits in int64, with what upstream's positiveScaleInt64 leaves behind.

    Its overflow flag is dropped by MilliValue: the powers that it has a fast path for wrap around,
    the others give 0.
    """
    if value in (0, MIN_INT64) or digits > _INT64_DIGITS:
        return value if digits == 0 else 0
    product = value * _power(digits)
    if fits_int64(product):
        return product
    return wrap_int64(product) if digits in _POWERS_THAT_WRAP else 0


def _divided_away_from_zero(value: int, digits: int) -> int:
    """Return value / 10**digits, rounded away from zero."""
    if digits > _INT64_DIGITS:
        return (value > 0) - (value < 0)
    quotient = -(-abs(value) // _power(digits))
    return quotient if value > 0 else -quotient


def _big_scaled_value(unscaled: int, exponent: int) -> int:
    """Return unscaled * 10**exponent in int64 as upstream's scaledValue does for big decimals."""
    if exponent == 0 or unscaled == 0:
        return wrap_int64(unscaled)
    if exponent > 0:
        factor = 10**exponent if exponent < _INT64_DIGITS else MIN_INT64
        return wrap_int64(wrap_int64(unscaled) * factor)
    divisor = _power(-exponent)
    if unscaled < MAX_INT64 and -exponent < _INT64_DIGITS:
        low = wrap_int64(unscaled)
        quotient = truncated_quotient(low, divisor)
        return quotient + (low != quotient * divisor)
    return wrap_int64(-(-unscaled // divisor))
