"""Placeholders that a deploy script fills in: `$HPA_AVERAGEVALUE_TARGET`, `${NAMESPACE}`.

`--set NAME=VALUE` fills them in inside scalars, before the scalar gets its type. What Kubernetes
expands itself, `$(POD_NAME)`, is no placeholder; neither is an escaped `$$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from scalecert.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Return the values of `--set NAME=VALUE` by name; of a repeated name the last one holds.

    Raises:
        UsageError: if a pair has no `=` or its name is no placeholder's.
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name.removeprefix("$")):
            hint = "for example --set HPA_AVERAGEVALUE_TARGET=10"
            raise UsageError(f"found {pair!r}, expected NAME=VALUE", file="--set", hint=hint)
        settings[name.removeprefix("$")] = value
    return settings


def substitute(text: str, sets: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    """Return the text with every placeholder named in `sets` filled in, and those names."""
    if "$" not in text or not sets:
        return text, frozenset()
    used = frozenset(placeholders(text)) & frozenset(sets)
    return _PLACEHOLDER.sub(lambda match: sets.get(_name(match), match[0]), text), used


def placeholders(text: str) -> list[str]:
    """Return the names of the placeholders in a scalar's text, in order."""
    return [_name(match) for match in _PLACEHOLDER.finditer(text)] if "$" in text else []


def _name(match: re.Match[str]) -> str:
    return str(match[1] or match[2])
