"""Whether what could be read of a JSON text has the shape of a type, as serde would see it.

serde looks at values in the order of the text and stops at the first that does not fit; so does
this. The messages are serde's (serde 1.0.219, src/de/mod.rs, and its derived code).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import inspect

from mock_servers.tgi.numbers import json_float
from mock_servers.tgi.serde.cursor import LEAST_INTEGER, MOST_INTEGER, Path
from mock_servers.tgi.serde.text import KEY, JsonText

_NO_VARIANT = "data did not match any variant of {}"


class Where(Enum):
    """Which byte serde_json says is wrong."""

    START = auto()
    """The one before a value that should be none of the kind."""
    FIRST = auto()
    """The first of a value that can't begin so: then the text is no JSON to serde_json."""
    END = auto()
    """The last of a value that was read."""
    KEY = auto()
    """The last of a key."""
    AFTER = auto()
    """What closes the object of which a value is part."""


class MisfitError(Exception):
    """A value is not what it should be."""

    def __init__(self, path: Path, message: str, where: Where = Where.END) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.where = where


def check(scanned: JsonText, kind: type) -> None:
    """Return if a text's value is of a kind, as far as it was read.

    Raises:
        MisfitError: if it is not, of what does not fit first.
    """
    _Checks(scanned).check(inspect.type_info(kind), scanned.value, (), "")


def seen_path(kind: type, path: Path) -> Path:
    """Return a path as far as serde follows it: not into fields that a struct does not have."""
    inside: inspect.Type | None = inspect.type_info(kind)
    for depth, part in enumerate(path):
        inside = _single(inside)
        if isinstance(inside, inspect.StructType):
            fields = {field.encode_name: field.type for field in inside.fields}
            buffers = hasattr(inside.cls, "ONE_OF")
            if part != KEY and part not in fields and not buffers:
                return path[: depth + 1]
            inside = fields.get(str(part))
        elif isinstance(inside, inspect.VarTupleType):
            inside = inside.item_type
        else:
            return path
    return path


def _single(kind: inspect.Type | None) -> inspect.Type | None:
    """Return the one kind that a value can be of, beside null; several as they are."""
    if isinstance(kind, inspect.Metadata):
        return _single(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _single(others[0]) if len(others) == 1 else kind
    return kind


class _Checks:
    """Holds values to types, in the order of the text."""

    def __init__(self, scanned: JsonText) -> None:
        self._scanned = scanned

    def check(self, kind: inspect.Type, value: object, path: Path, title: str) -> None:
        """Return if a value is of a kind.

        Args:
            kind: what it should be.
            value: what it is.
            path: where it is.
            title: what serde says was expected, where the kind does not tell.

        Raises:
            MisfitError: if it is not.
        """
        match kind:
            case inspect.Metadata(type=inner, extra_json_schema=schema):
                self.check(inner, value, path, (schema or {}).get("title", title))
            case inspect.UnionType(types=types):
                self._check_union(types, value, path, title)
            case inspect.StructType():
                self._check_struct(kind, value, path, title)
            case inspect.VarTupleType(item_type=item, min_length=least):
                self._check_sequence(item, least, value, path)
            case _:
                _check_scalar(kind, value, path, title)

    def _check_union(
        self, types: tuple[inspect.Type, ...], value: object, path: Path, title: str
    ) -> None:
        if value is None and any(isinstance(one, inspect.NoneType) for one in types):
            return
        others = [one for one in types if not isinstance(one, inspect.NoneType)]
        if len(others) == 1:
            self.check(others[0], value, path, title)
            return
        if path not in self._scanned.ends:
            return  # What it may be is looked at when it has been read as a whole.
        for one in others:
            try:
                self.check(one, value, path, title)
            except MisfitError as misfit:
                # An empty prompt is refused by what comes after the variants.
                if misfit.path == path and misfit.where is Where.AFTER:
                    raise
            else:
                return
        raise MisfitError(path, _NO_VARIANT.format(title), Where.AFTER)

    def _check_sequence(
        self, item: inspect.Type, least: int | None, value: object, path: Path
    ) -> None:
        if not isinstance(value, list):
            raise _wrong(value, path, "a sequence")
        if not value and least and path in self._scanned.ends:
            message = "Empty array detected. Do not use an empty array for the prompt."
            raise MisfitError(path, message, Where.AFTER)
        for place, one in enumerate(value):
            self.check(item, one, (*path, place), "")

    def _check_struct(
        self, kind: inspect.StructType, value: object, path: Path, title: str
    ) -> None:
        if not isinstance(value, dict):
            raise _wrong(value, path, title or f"struct {kind.cls.__name__}")
        fields = {field.encode_name: field for field in kind.fields}
        aliases: Mapping[str, str] = getattr(kind.cls, "ALIASES", {})
        body, parts = getattr(kind.cls, "ONE_OF", ("", ()))
        self._check_fields(fields, aliases, parts, value, path)
        if path not in self._scanned.ends:
            return
        present = {aliases.get(name, name) for name in value}
        needed = [name for name, field in fields.items() if field.required]
        of_variant = getattr(kind.cls, "OF_VARIANT", {}).get(value.get("type"), ())
        for name in (*needed, *getattr(kind.cls, "NEEDED", ()), *of_variant):
            if name not in present:
                raise MisfitError(path, f"missing field `{name}`")
        if parts and not any(self._is(fields[one], value, path, one) for one in parts):
            raise MisfitError(path, _NO_VARIANT.format(f"untagged enum {body}"))

    def _check_fields(
        self,
        fields: Mapping[str, inspect.Field],
        aliases: Mapping[str, str],
        flattened: tuple[str, ...],
        value: Mapping[str, object],
        path: Path,
    ) -> None:
        seen: set[str] = set()
        for name, one in value.items():
            if name not in fields or name in flattened:
                continue
            real = aliases.get(name, name)
            if real in seen:
                raise self._second(path, name, real)
            seen.add(real)
            self.check(fields[name].type, one, (*path, name), "")
        for repeated in self._scanned.repeated:
            if repeated[:-1] == path and (name := str(repeated[-1])) in fields:
                raise self._second(path, name, aliases.get(name, name))

    def _second(self, path: Path, name: str, real: str) -> MisfitError:
        """Return that a field is there twice; an alias's key ends before its value's colon."""
        where = (*path, name)
        if where not in self._scanned.repeated:
            self._scanned.repeated[where] = self._scanned.key_end(where)
        return MisfitError(where, f"duplicate field `{real}`", Where.KEY)

    def _is(self, field: inspect.Field, value: Mapping[str, object], path: Path, name: str) -> bool:
        """Tell whether a flattened field is there and right; null is no content."""
        if value.get(name) is None:
            return False
        try:
            self.check(field.type, value[name], (*path, name), "")
        except MisfitError:
            return False
        return True


def _check_scalar(kind: inspect.Type, value: object, path: Path, title: str) -> None:
    """Return if a value is of a kind that has no parts; anything goes where any value does."""
    match kind:
        case inspect.IntType(ge=least, le=most):
            _check_integer(value, (least, most), path, title)
        case inspect.LiteralType(values=values):
            _check_variant(value, values, path, title)
        case inspect.FloatType():
            _require(_is_number(value), value, path, title)
        case inspect.BoolType():
            _require(isinstance(value, bool), value, path, "a boolean")
        case inspect.StrType():
            _require(isinstance(value, str), value, path, "a string")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(fits: bool, value: object, path: Path, expected: str) -> None:
    if not fits:
        raise _wrong(value, path, expected)


def _check_integer(
    value: object, bounds: tuple[int | None, int | None], path: Path, title: str
) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, path, title)
    least, most = bounds
    if not (LEAST_INTEGER if least is None else least) <= value <= (most or MOST_INTEGER):
        raise MisfitError(path, f"invalid value: integer `{value}`, expected {title}")


def _check_variant(value: object, values: tuple[object, ...], path: Path, expected: str) -> None:
    if not isinstance(value, str):
        raise MisfitError(path, "expected value", Where.FIRST)
    if value not in values:
        raise MisfitError(path, f"unknown variant `{value}`, expected {expected}")


def _wrong(value: object, path: Path, expected: str) -> MisfitError:
    """Return that a value is of another kind than expected."""
    where = Where.START if isinstance(value, dict | list) else Where.END
    return MisfitError(path, f"invalid type: {_described(value)}, expected {expected}", where)


def _described(value: object) -> str:
    """Return a value as serde writes what it did not expect."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{json_float(value)}`"
        case str():
            return f"string {_quoted(value)}"
        case list():
            return "sequence"
    return "map"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def _quoted(text: str) -> str:
    """Return a string as Rust's `{:?}` writes it."""
    parts = (
        _ESCAPES.get(char) or (char if char.isprintable() else f"\\u{{{ord(char):x}}}")
        for char in text
    )
    return f'"{"".join(parts)}"'
