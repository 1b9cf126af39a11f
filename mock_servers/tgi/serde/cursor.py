"""A place in a JSON text, and what serde_json reads there that has no parts.

Strings, numbers and words, with serde_json's faults: each names the byte that is wrong, which is
the one read last or the one that comes next (serde_json 1.0.140, src/read.rs and src/de.rs).
"""

from __future__ import annotations

import re
from math import inf

Path = tuple[str | int, ...]
"""Where a value is in its document: keys and places."""

MOST_INTEGER = 2**64 - 1
LEAST_INTEGER = -(2**63)
"""Whole numbers beyond these are read as floating point numbers."""
_MOST_INTEGER_CHARACTERS = 20
"""Of either bound; Python refuses to read thousands of digits as a whole number."""

_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
SPACE = re.compile(rb"[ \n\t\r]*")
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPED = {
    ord('"'): '"', ord("\\"): "\\", ord("/"): "/", ord("b"): "\b",
    ord("f"): "\f", ord("n"): "\n", ord("r"): "\r", ord("t"): "\t",
}  # fmt: skip
DIGIT = frozenset(b"0123456789")
_EXPONENT = frozenset(b"eE")
_SIGN = frozenset(b"+-")
IDENTS = {ord("t"): (b"true", True), ord("f"): (b"false", False), ord("n"): (b"null", None)}
QUOTE, _BACKSLASH, MINUS, _POINT = b'"\\-.'
NOTHING = -1
"""In place of a byte, at the end of the text."""


class JsonSyntaxError(Exception):
    """A text stops being JSON.

    Args:
        message: serde_json's.
        path: of what was being read.
        index: of the byte that is said to be wrong.
    """

    def __init__(self, message: str, path: Path, index: int) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.index = index


class JsonCursor:
    """A place in a text.

    Args:
        text: UTF-8, which need not be right either.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.index = 0

    def peek(self) -> int:
        """Return the byte that comes next, NOTHING at the end."""
        return self.text[self.index] if self.index < len(self.text) else NOTHING

    def _next(self) -> int:
        byte = self.peek()
        self.index += byte != NOTHING
        return byte

    def peek_after_space(self) -> int:
        """Pass space; return the byte that comes next."""
        self.index = end_of(SPACE, self.text, self.index)
        return self.peek()

    def _error(self, message: str, path: Path) -> JsonSyntaxError:
        """Return a fault of what has been read."""
        return JsonSyntaxError(message, path, self.index)

    def peek_error(self, message: str, path: Path) -> JsonSyntaxError:
        """Return a fault of the byte that comes next."""
        return JsonSyntaxError(message, path, min(self.index + 1, len(self.text)))

    def string(self, path: Path) -> str:
        """Read a string, at its opening quote.

        Raises:
            JsonSyntaxError: if it is none.
        """
        self.index += 1
        parts: list[bytes] = []
        while True:
            end = end_of(_PLAIN, self.text, self.index)
            parts.append(self.text[self.index : end])
            self.index = end
            byte = self._next()
            if byte == QUOTE:
                break
            if byte == _BACKSLASH:
                parts.append(self._escape(path))
            elif byte == NOTHING:
                raise self._error("EOF while parsing a string", path)
            else:
                message = "control character (\\u0000-\\u001F) found while parsing a string"
                raise self._error(message, path)
        try:
            return b"".join(parts).decode()
        except UnicodeDecodeError:
            raise self._error("invalid unicode code point", path) from None

    def _escape(self, path: Path) -> bytes:
        byte = self._next()
        if byte == NOTHING:
            raise self._error("EOF while parsing a string", path)
        if byte in _ESCAPED:
            return _ESCAPED[byte].encode()
        if byte != ord("u"):
            raise self._error("invalid escape", path)
        unit = self._hex(path)
        if 0xDC00 <= unit < 0xE000:
            raise self._error("lone leading surrogate in hex escape", path)
        if not 0xD800 <= unit < 0xDC00:
            return chr(unit).encode()
        return self._second_surrogate(unit, path)

    def _second_surrogate(self, first: int, path: Path) -> bytes:
        for expected in b"\\u":
            byte = self._next()
            if byte == NOTHING:
                raise self._error("EOF while parsing a string", path)
            if byte != expected:
                raise self._error("unexpected end of hex escape", path)
        second = self._hex(path)
        if not 0xDC00 <= second < 0xE000:
            raise self._error("lone leading surrogate in hex escape", path)
        return chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00).encode()

    def _hex(self, path: Path) -> int:
        digits = self.text[self.index : self.index + 4]
        self.index += len(digits)
        if len(digits) < len("ffff"):
            raise self._error("EOF while parsing a string", path)
        if _HEX.fullmatch(digits) is None:
            raise self._error("invalid escape", path)
        return int(digits, 16)

    def ident(self, path: Path) -> bool | None:
        """Read true, false or null, at a first letter of theirs.

        Raises:
            JsonSyntaxError: if it is none.
        """
        word, value = IDENTS[self._next()]
        for expected in word[1:]:
            byte = self._next()
            if byte == NOTHING:
                raise self._error("EOF while parsing a value", path)
            if byte != expected:
                raise self._error("expected ident", path)
        return value

    def number(self, path: Path) -> int | float:
        """Read a number, at its sign or first digit.

        Raises:
            JsonSyntaxError: if it is none.
        """
        begin = self.index
        self.index += self.peek() == MINUS
        self._whole_part(path)
        whole = True
        if self.peek() == _POINT:
            self.index += 1
            whole = False
            self._decimals(path)
        if self.peek() in _EXPONENT:
            self.index += 1
            whole = False
            self._exponent(path)
        text = self.text[begin : self.index]
        whole = whole and text != b"-0" and len(text) <= _MOST_INTEGER_CHARACTERS
        number: int | float = int(text) if whole else float(text)
        if not LEAST_INTEGER <= number <= MOST_INTEGER:
            number = float(text)
        if abs(number) == inf:
            raise self._error("number out of range", path)
        return number

    def _whole_part(self, path: Path) -> None:
        byte = self._next()
        if byte == NOTHING:
            raise self._error("EOF while parsing a value", path)
        if byte not in DIGIT:
            raise self._error("invalid number", path)
        digits = end_of(_DIGITS, self.text, self.index)
        if byte == ord("0") and digits > self.index:
            raise self.peek_error("invalid number", path)
        self.index = digits

    def _decimals(self, path: Path) -> None:
        digits = end_of(_DIGITS, self.text, self.index)
        if digits == self.index:
            at_end = self.peek() == NOTHING
            raise self.peek_error("EOF while parsing a value" if at_end else "invalid number", path)
        self.index = digits

    def _exponent(self, path: Path) -> None:
        if self.peek() in _SIGN:
            self.index += 1
        byte = self._next()
        if byte == NOTHING:
            raise self._error("EOF while parsing a value", path)
        if byte not in DIGIT:
            raise self._error("invalid number", path)
        self.index = end_of(_DIGITS, self.text, self.index)


def end_of(pattern: re.Pattern[bytes], text: bytes, begin: int) -> int:
    """Return where what a pattern matches at `begin` ends; it may be empty."""
    found = pattern.match(text, begin)
    return found.end() if found is not None else begin
