"""JSON text as serde_json reads it: what is wrong with a text, and where its values stand.

This is for texts that were refused; what is right is decoded elsewhere, and faster. serde_json
reads from the left and stops at the first mistake, so everything before that is kept: a wrong type
that stands before a missing brace is what the client is told of (serde_json 1.0.140, src/de.rs and
src/read.rs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mock_servers.tgi.serde.cursor import (
    DIGIT,
    IDENTS,
    MINUS,
    NOTHING,
    QUOTE,
    SPACE,
    JsonCursor,
    JsonSyntaxError,
    Path,
    end_of,
)

Put = Callable[[object], object]

KEY = "?"
"""In a path: one of an object's keys, before it is known."""

DEEPEST = 127
"""Arrays and objects within each other."""
MOST_VALUES = 20_000
"""Of a text: reading goes slowly here, and others wait meanwhile."""
_OPENS_ARRAY, _CLOSES_ARRAY, _OPENS_OBJECT, _CLOSES_OBJECT = b"[]{}"
_COMMA, _COLON = b",:"


class TooManyValuesError(Exception):
    """A text has more values than are read."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_VALUES} values")


class JsonText(JsonCursor):
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
        super().__init__(text)
        self.value: object = None
        self.starts: dict[Path, int] = {}
        self.ends: dict[Path, int] = {}
        self.repeated: dict[Path, int] = {}
        self.fault: JsonSyntaxError | None = None
        try:
            self._value((), self._put_root)
        except JsonSyntaxError as fault:
            self.fault = fault

    def place(self, index: int) -> tuple[int, int]:
        """Return line and column of an index, as serde_json counts them."""
        before = self.text[:index]
        return before.count(b"\n") + 1, index - (before.rfind(b"\n") + 1)

    def after(self, path: Path) -> int:
        """Return the index after a value and, if it is the last one there, its parent's bracket."""
        index = end_of(SPACE, self.text, self.ends[path])
        closes = index < len(self.text) and self.text[index] in b"]}"
        return index + closes

    def key_end(self, path: Path) -> int:
        """Return the index after the key of a field."""
        before = self.text[: self.starts[path]]
        return len(before.rstrip(b" \n\t\r").removesuffix(b":").rstrip(b" \n\t\r"))

    def _put_root(self, value: object) -> None:
        self.value = value

    def _value(self, path: Path, put: Put) -> None:
        byte = self.peek_after_space()
        self.starts[path] = self.index
        if len(self.starts) > MOST_VALUES:
            raise TooManyValuesError
        if byte == NOTHING:
            raise self.peek_error("EOF while parsing a value", path)
        if byte in (_OPENS_ARRAY, _OPENS_OBJECT):
            if len(path) >= DEEPEST:
                raise self.peek_error("recursion limit exceeded", path)
            self.index += 1
            read = self._array if byte == _OPENS_ARRAY else self._object
            read(path, put)
        elif byte == QUOTE:
            put(self.string(path))
        elif byte in IDENTS:
            put(self.ident(path))
        elif byte == MINUS or byte in DIGIT:
            put(self.number(path))
        else:
            raise self.peek_error("expected value", path)
        self.ends[path] = self.index

    def _array(self, path: Path, put: Put) -> None:
        items: list[object] = []
        put(items)
        while True:
            byte = self.peek_after_space()
            if byte == NOTHING:
                raise self.peek_error("EOF while parsing a list", path)
            if byte == _CLOSES_ARRAY:
                self.index += 1
                return
            if items:
                if byte != _COMMA:
                    raise self.peek_error("expected `,` or `]`", path)
                self._pass_comma(_CLOSES_ARRAY, path)
            self._value((*path, len(items)), items.append)

    def _object(self, path: Path, put: Put) -> None:
        fields: dict[str, object] = {}
        put(fields)
        in_key = (*path, KEY)
        first = True
        while True:
            byte = self.peek_after_space()
            if byte == NOTHING:
                raise self.peek_error("EOF while parsing an object", in_key)
            if byte == _CLOSES_OBJECT:
                self.index += 1
                return
            if not first:
                if byte != _COMMA:
                    raise self.peek_error("expected `,` or `}`", in_key)
                byte = self._pass_comma(_CLOSES_OBJECT, in_key)
            first = False
            self._field(path, fields, byte)

    def _pass_comma(self, closes: int, path: Path) -> int:
        """Return the byte after a comma and space; it closes nothing."""
        self.index += 1
        byte = self.peek_after_space()
        if byte == closes:
            raise self.peek_error("trailing comma", path)
        if byte == NOTHING:
            raise self.peek_error("EOF while parsing a value", path)
        return byte

    def _field(self, path: Path, fields: dict[str, object], byte: int) -> None:
        if byte != QUOTE:
            raise self.peek_error("key must be a string", (*path, KEY))
        key = self.string((*path, KEY))
        if key in fields:
            self.repeated.setdefault((*path, key), self.index)
        byte = self.peek_after_space()
        if byte == NOTHING:
            raise self.peek_error("EOF while parsing an object", path)
        if byte != _COLON:
            raise self.peek_error("expected `:`", path)
        self.index += 1
        self._value((*path, key), partial(fields.setdefault, key))
