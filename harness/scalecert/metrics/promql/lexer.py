"""PromQL's tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scalecert.metrics.promql.syntax import PromqlError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)(?![\w.])
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
  | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<symbol>=~|!~|==|!=|<=|>=|[-+*/%^=<>(){}\[\],:@])
    """,
    re.VERBOSE,
)
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip
_UNIT_SECONDS = {
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `kind` is `number`, `duration`, `word`, `string`, `symbol` or `end`."""

    kind: str
    text: str
    position: int


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of a query, and an `end`.

    Raises:
        PromqlError: at a character that begins no token.
    """
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None or match.lastgroup is None:
            raise PromqlError(f"found {query[position]!r} at character {position + 1} of the query")
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], position)
        position = match.end()
    yield Token("end", "end of query", position)


def unquote(text: str) -> str:
    """Return the value of a string token.

    Raises:
        PromqlError: for an escape sequence that Go's strings do not have, or a numeric one.
    """
    if text[0] == "`":
        return text[1:-1]

    def replace(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise PromqlError(f"found the escape sequence \\{match[1]} in {text}")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", replace, text[1:-1])


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration token (`1h30m`)."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def number_value(text: str) -> float:
    """Return the value of a number token."""
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
