"""What a type expects at a path: field names and allowed words, for suggestions."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import inspect

from scalecert.documents.nodes import Plain, part, split_path

TypeInfo = inspect.Type


def type_at(root: TypeInfo, value: Plain, path: str) -> TypeInfo:
    """Return the type expected at `path` of `value`; a union where several are possible."""
    current = root
    for step in split_path(path):
        members = children(current, value, step)
        if not members:
            return inspect.AnyType()
        current = members[0] if len(members) == 1 else inspect.UnionType(tuple(members))
        value = part(value, step)
    narrowed = list(_options(current, value))
    return narrowed[0] if len(narrowed) == 1 else inspect.UnionType(tuple(narrowed))


def children(expected: TypeInfo, value: Plain, step: str) -> list[TypeInfo]:
    """Return the types that the child of `value` at one step may have."""
    return [child for option in _options(expected, value) for child in _child(option, step)]


def field_names(expected: TypeInfo) -> list[str]:
    """Return the names, as written, of all fields that a mapping of this type may have."""
    names: set[str] = set()
    for option in _members(expected):
        if isinstance(option, inspect.StructType):
            names |= {field.encode_name for field in option.fields}
            names |= {option.tag_field} if option.tag_field else set()
    return sorted(names)


def allowed_words(expected: TypeInfo) -> list[str]:
    """Return the words that an enumeration, or the tag of a union, may be."""
    words: list[str] = []
    for option in _members(expected):
        if isinstance(option, inspect.LiteralType):
            words += [str(value) for value in option.values]
        elif isinstance(option, inspect.EnumType):
            words += [str(member.value) for member in option.cls]
    return words


def _members(expected: TypeInfo) -> tuple[TypeInfo, ...]:
    return expected.types if isinstance(expected, inspect.UnionType) else (expected,)


def _options(expected: TypeInfo, value: Plain) -> Iterator[TypeInfo]:
    """Yield the members of a type that `value` may be meant as, by its tag if it has one."""
    members = [option for option in _members(expected) if not isinstance(option, inspect.NoneType)]
    tagged = [
        option
        for option in members
        if isinstance(option, inspect.StructType)
        and option.tag_field is not None
        and isinstance(value, dict)
        and value.get(option.tag_field) == option.tag
    ]
    yield from tagged or members


def _child(expected: TypeInfo, step: str) -> Iterator[TypeInfo]:
    if isinstance(expected, inspect.StructType):
        if step == expected.tag_field:
            yield inspect.LiteralType((expected.tag,))
        yield from (field.type for field in expected.fields if field.encode_name == step)
    elif isinstance(expected, inspect.DictType):
        yield expected.value_type
    elif isinstance(expected, inspect.ListType | inspect.SetType | inspect.VarTupleType):
        yield expected.item_type
