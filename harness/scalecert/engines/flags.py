"""Flags of a server's command line: their values as limits, and refusals that name the flag.

Takes words as a shell has split them. Where a flag is given twice the last one counts, and
underscores stand for dashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scalecert.errors import UsageError

Value = float | int | bool | str

_READABLE = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT]?)")
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: the limit that it sets, how its value reads, what may be written."""

    limit: str
    parse: Callable[[str], Value] | None
    """None for a flag without a value."""
    expected: str = ""
    value: Value = True
    """What a flag without a value sets."""


def parse_flags(words: Sequence[str], known: Mapping[str, Flag]) -> dict[str, Value]:
    """Return the limits that the `known` flags among `words` set; others are passed over.

    Raises:
        UsageError: for a value that the server would not take; it names the flag.
    """
    found: dict[str, Value] = {}
    for index, word in enumerate(words):
        name, equals, written = word.partition("=")
        flag = known.get("--" + name[2:].replace("_", "-") if name.startswith("--") else name)
        if flag is None:
            continue
        if flag.parse is None:
            found[flag.limit] = flag.value
            continue
        if not equals:
            written = words[index + 1] if index + 1 < len(words) else ""
        found[flag.limit] = _parsed(flag, flag.parse, name, written)
    return found


def flags_among(words: Sequence[str], names: frozenset[str]) -> tuple[str, ...]:
    """Return the flags among `words` that are in `names`, as they are written, without values."""
    written = (word.partition("=")[0] for word in words)
    return tuple(dict.fromkeys(one for one in written if one.replace("_", "-") in names))


def last_value(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the last value of a flag with any of these names: `--flag value`, `--flag=value`."""
    found = None
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            following = words[index + 1] if index + 1 < len(words) else None
            found = value if equals else following
    return found


def listed_values(words: Sequence[str], flag: str) -> list[str]:
    """Return the values of a flag that takes several, the last time that it is given."""
    found: list[str] = []
    for index, given in enumerate(words):
        name, equals, value = given.partition("=")
        if name.replace("_", "-") == flag:
            found = [value] if equals else _until_a_flag(words[index + 1 :])
    return found


def _until_a_flag(words: Sequence[str]) -> list[str]:
    ends = (place for place, word in enumerate(words) if word.startswith("-"))
    return list(words[: next(ends, len(words))])


def readable_integer(text: str) -> int:
    """Return an integer as size flags take it: `4096`, `4k` = 4,000, `4K` = 4,096.

    Raises:
        ValueError: if the text is no such number, or no whole one.
    """
    match = _READABLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    number, unit = match.groups()
    size = Decimal(number) * (_BINARY.get(unit) or _DECIMAL[unit])
    if size != int(size) or (unit in _BINARY and "." in number):
        raise ValueError(f"{text!r} is not a whole number")
    return int(size)


def _parsed(flag: Flag, parse: Callable[[str], Value], name: str, written: str) -> Value:
    try:
        return parse(written)
    except ValueError:
        raise UsageError(f"found {written!r}, expected {flag.expected}", field=name) from None


def at_least(least: int, parse: Callable[[str], int]) -> Callable[[str], int]:
    """Return a parser that takes no number under `least`."""

    def parsed(text: str) -> int:
        number = parse(text)
        if number < least:
            raise ValueError(text)
        return number

    return parsed


def fraction(text: str) -> float:
    """Return a fraction over 0, at most 1; ValueError for anything else."""
    number = float(text)
    if not 0 < number <= 1:
        raise ValueError(text)
    return number


def seconds(text: str) -> float:
    """Return seconds, 0 or more; ValueError for anything else."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def counted(limit: str, least: int = 1) -> Flag:
    """Return the flag of a count."""
    return Flag(limit, at_least(least, int), f"a whole number of at least {least}")


def sized(limit: str, least: int = 1) -> Flag:
    """Return the flag of a size, which may be written with a unit."""
    parse = at_least(least, readable_integer)
    return Flag(limit, parse, f"a whole number of at least {least}, such as 4096, 4k or 4K")
