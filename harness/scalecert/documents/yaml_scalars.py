"""Plain YAML scalars as kubectl reads them (go-yaml 2 to JSON), not as YAML 1.1 has them.

Times and base-60 numbers stay text; integers beyond 64 bits become floats; NaN and the
infinities have no JSON and are refused, as the API server would.
"""

from __future__ import annotations

import math
import re

YamlScalar = str | int | float | bool | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    text: value
    for words, value in ((("true", "yes", "on"), True), (("false", "no", "off"), False))
    for word in words
    for text in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"
_TYPES_OF_TAGS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}
_INT64 = 2**63
_MAX_DIGITS = 400
"""More digits than the largest float has; longer text stays text."""


def resolve_plain(text: str) -> YamlScalar:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: for NaN and infinities, or a number too large for a float.
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"found {text}, expected a finite number")
    if len(text) <= _MAX_DIGITS and _INTEGER.fullmatch(text):
        return _integer(text)
    if len(text) <= _MAX_DIGITS and _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def resolve_tagged(text: str, tag: str) -> YamlScalar:
    """Return the value of a scalar with an explicit tag such as `!!str`.

    Raises:
        ValueError: for a tag other than str, int, float, bool and null, or text that does not
            fit its tag.
    """
    kind = tag.removeprefix(_TAG)
    if tag == _TAG + "str":
        return text
    if not tag.startswith(_TAG) or kind not in _TYPES_OF_TAGS:
        raise ValueError(f"found the tag {tag}, expected plain data")
    value = resolve_plain(text)
    if type(value) not in _TYPES_OF_TAGS[kind]:
        raise ValueError(f"found {text!r} under the tag !!{kind}")
    return float(value) if kind == "float" and isinstance(value, int) else value


def _integer(text: str) -> int | float:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    body = digits.lstrip("+-")
    if body.startswith("0") and body[1:].isdigit():
        body = f"0o{body[1:]}"  # 010 is eight, as in Go and YAML 1.1
    value = sign * int(body, 0)
    return value if -_INT64 <= value < 2 * _INT64 else _finite(str(value))


def _finite(text: str) -> float:
    value = float(text.replace("_", ""))
    if not math.isfinite(value):
        raise ValueError(f"found {text}, expected a number that fits 64 bits")
    return value
