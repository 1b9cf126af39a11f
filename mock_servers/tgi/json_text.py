"""JSON text as serde_json reads it: what is wrong with a text, and where its values stand.

This is for texts that were refused; what is right is decoded elsewhere, and faster. serde_json
reads from the left and stops at the first mistake, so everything before that is kept: a wrong type
that stands before a missing brace is what the client is told of (serde_json 1.0.140, src/de.rs and
src/read.rs).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from math import inf

Path = tuple[str | int, ...]
"""Where a value is in its document: keys and places."""
Put = Callable[[object], object]

KEY = "?"
"""In a path: one of an object's keys, before it is known."""

DEEPEST = 127
"""Arrays and objects within each other."""
MOST_VALUES = 20_000
"""Of a text: reading goes slowly here, and others wait meanwhile."""
MOST_INTEGER = 2**64 - 1
LEAST_INTEGER = -(2**63)
"""Whole numbers beyond these are read as floating point numbers."""

_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_SPACE = re.compile(rb"[ \n\t\r]*")
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPED = {
    ord('"'): '"', ord("\\"): "\\", ord("/"): "/", ord("b"): "\b",
    ord("f"): "\f", ord("n"): "\n", ord("r"): "\r", ord("t"): "\t",
}  # fmt: skip
_DIGIT = frozenset(b"0123456789")
_EXPONENT = frozenset(b"eE")
_SIGN = frozenset(b"+-")
_IDENTS = {ord("t"): (b"true", True), ord("f"): (b"false", False), ord("n"): (b"null", None)}
_OPENS_ARRAY, _CLOSES_ARRAY, _OPENS_OBJECT, _CLOSES_OBJECT = b"[]{}"
_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _POINT = b'"\\,:-.'
_NOTHING = -1
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


class TooManyValuesError(Exception):
    """A text has more values than are read."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_VALUES} values")


class JsonText:
    """What could be read of a text.

    Args:
        text: UTF-8, which need not be right either.

    Attributes:
        value: as far as it was read; None if nothing was.
        starts: indices of the first bytes of values, by path.
        ends: indices after their last bytes; what did not end is not here.
        repeated: keys that an object has a second time, with the indices after them.
        fault: where it stopped being JSON. What stands after the value is nobody's business.

    Raises:
        TooManyValuesError: beyond `MOST_VALUES`.
    """

    def __init__(self, text: bytes) -> None:
        self.value: object = None
        self.starts: dict[Path, int] = {}
        self.ends: dict[Path, int] = {}
        self.repeated: dict[Path, int] = {}
        self.fault: JsonSyntaxError | None = None
        self._text = text
        self._index = 0
        try:
            self._value((), self._put_root)
        except JsonSyntaxError as fault:
            self.fault = fault

    def place(self, index: int) -> tuple[int, int]:
        """Return line and column of an index, as serde_json counts them."""
        before = self._text[:index]
        return before.count(b"\n") + 1, index - (before.rfind(b"\n") + 1)

    def after(self, path: Path) -> int:
        """Return the index after a value and, if it is the last one there, its parent's bracket."""
        index = _end(_SPACE, self._text, self.ends[path])
        closes = index < len(self._text) and self._text[index] in b"]}"
        return index + closes

    def key_end(self, path: Path) -> int:
        """Return the index after the key of a field."""
        before = self._text[: self.starts[path]]
        return len(before.rstrip(b" \n\t\r").removesuffix(b":").rstrip(b" \n\t\r"))

    def _put_root(self, value: object) -> None:
        self.value = value

    def _peek(self) -> int:
        return self._text[self._index] if self._index < len(self._text) else _NOTHING

    def _next(self) -> int:
        byte = self._peek()
        self._index += byte != _NOTHING
        return byte

    def _peek_after_space(self) -> int:
        self._index = _end(_SPACE, self._text, self._index)
        return self._peek()

    def _error(self, message: str, path: Path) -> JsonSyntaxError:
        """Return a fault of what has been read."""
        return JsonSyntaxError(message, path, self._index)

    def _peek_error(self, message: str, path: Path) -> JsonSyntaxError:
        """Return a fault of the byte that comes next."""
        return JsonSyntaxError(message, path, min(self._index + 1, len(self._text)))

    def _value(self, path: Path, put: Put) -> None:
        byte = self._peek_after_space()
        self.starts[path] = self._index
        if len(self.starts) > MOST_VALUES:
            raise TooManyValuesError
        if byte == _NOTHING:
            raise self._peek_error("EOF while parsing a value", path)
        if byte in (_OPENS_ARRAY, _OPENS_OBJECT):
            if len(path) >= DEEPEST:
                raise self._peek_error("recursion limit exceeded", path)
            self._index += 1
            read = self._array if byte == _OPENS_ARRAY else self._object
            read(path, put)
        elif byte == _QUOTE:
            put(self._string(path))
        elif byte in _IDENTS:
            put(self._ident(path))
        elif byte == _MINUS or byte in _DIGIT:
            put(self._number(path))
        else:
            raise self._peek_error("expected value", path)
        self.ends[path] = self._index

    def _array(self, path: Path, put: Put) -> None:
        items: list[object] = []
        put(items)
        while True:
            byte = self._peek_after_space()
            if byte == _NOTHING:
                raise self._peek_error("EOF while parsing a list", path)
            if byte == _CLOSES_ARRAY:
                self._index += 1
                return
            if items:
                if byte != _COMMA:
                    raise self._peek_error("expected `,` or `]`", path)
                self._pass_comma(_CLOSES_ARRAY, path)
            self._value((*path, len(items)), items.append)

    def _object(self, path: Path, put: Put) -> None:
        fields: dict[str, object] = {}
        put(fields)
        in_key = (*path, KEY)
        first = True
        while True:
            byte = self._peek_after_space()
            if byte == _NOTHING:
                raise self._peek_error("EOF while parsing an object", in_key)
            if byte == _CLOSES_OBJECT:
                self._index += 1
                return
            if not first:
                if byte != _COMMA:
                    raise self._peek_error("expected `,` or `}`", in_key)
                byte = self._pass_comma(_CLOSES_OBJECT, in_key)
            first = False
            self._field(path, fields, byte)

    def _pass_comma(self, closes: int, path: Path) -> int:
        """Return the byte after a comma and space; it closes nothing."""
        self._index += 1
        byte = self._peek_after_space()
        if byte == closes:
            raise self._peek_error("trailing comma", path)
        if byte == _NOTHING:
            raise self._peek_error("EOF while parsing a value", path)
        return byte

    def _field(self, path: Path, fields: dict[str, object], byte: int) -> None:
        if byte != _QUOTE:
            raise self._peek_error("key must be a string", (*path, KEY))
        key = self._string((*path, KEY))
        if key in fields:
            self.repeated.setdefault((*path, key), self._index)
        byte = self._peek_after_space()
        if byte == _NOTHING:
            raise self._peek_error("EOF while parsing an object", path)
        if byte != _COLON:
            raise self._peek_error("expected `:`", path)
        self._index += 1
        self._value((*path, key), partial(fields.setdefault, key))

    def _string(self, path: Path) -> str:
        self._index += 1
        parts: list[bytes] = []
        while True:
            end = _end(_PLAIN, self._text, self._index)
            parts.append(self._text[self._index : end])
            self._index = end
            byte = self._next()
            if byte == _QUOTE:
                break
            if byte == _BACKSLASH:
                parts.append(self._escape(path))
            elif byte == _NOTHING:
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
        if byte == _NOTHING:
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
            if byte == _NOTHING:
                raise self._error("EOF while parsing a string", path)
            if byte != expected:
                raise self._error("unexpected end of hex escape", path)
        second = self._hex(path)
        if not 0xDC00 <= second < 0xE000:
            raise self._error("lone leading surrogate in hex escape", path)
        return chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00).encode()

    def _hex(self, path: Path) -> int:
        digits = self._text[self._index : self._index + 4]
        self._index += len(digits)
        if len(digits) < len("ffff"):
            raise self._error("EOF while parsing a string", path)
        if _HEX.fullmatch(digits) is None:
            raise self._error("invalid escape", path)
        return int(digits, 16)

    def _ident(self, path: Path) -> bool | None:
        word, value = _IDENTS[self._next()]
        for expected in word[1:]:
            byte = self._next()
            if byte == _NOTHING:
                raise self._error("EOF while parsing a value", path)
            if byte != expected:
                raise self._error("expected ident", path)
        return value

    def _number(self, path: Path) -> int | float:
        begin = self._index
        self._index += self._peek() == _MINUS
        self._whole_part(path)
        whole = True
        if self._peek() == _POINT:
            self._index += 1
            whole = False
            self._decimals(path)
        if self._peek() in _EXPONENT:
            self._index += 1
            whole = False
            self._exponent(path)
        text = self._text[begin : self._index]
        number: int | float = int(text) if whole and text != b"-0" else float(text)
        if not LEAST_INTEGER <= number <= MOST_INTEGER:
            number = float(text)
        if abs(number) == inf:
            raise self._error("number out of range", path)
        return number

    def _whole_part(self, path: Path) -> None:
        byte = self._next()
        if byte == _NOTHING:
            raise self._error("EOF while parsing a value", path)
        if byte not in _DIGIT:
            raise self._error("invalid number", path)
        digits = _end(_DIGITS, self._text, self._index)
        if byte == ord("0") and digits > self._index:
            raise self._peek_error("invalid number", path)
        self._index = digits

    def _decimals(self, path: Path) -> None:
        digits = _end(_DIGITS, self._text, self._index)
        if digits == self._index:
            at_end = self._peek() == _NOTHING
            raise self._peek_error(
                "EOF while parsing a value" if at_end else "invalid number", path
            )
        self._index = digits

    def _exponent(self, path: Path) -> None:
        if self._peek() in _SIGN:
            self._index += 1
        byte = self._next()
        if byte == _NOTHING:
            raise self._error("EOF while parsing a value", path)
        if byte not in _DIGIT:
            raise self._error("invalid number", path)
        self._index = _end(_DIGITS, self._text, self._index)


def _end(pattern: re.Pattern[bytes], text: bytes, begin: int) -> int:
    """Return where what a pattern matches at `begin` ends; it may be empty."""
    found = pattern.match(text, begin)
    return found.end() if found is not None else begin
