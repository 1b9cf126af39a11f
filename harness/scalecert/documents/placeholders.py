"""Placeholders that a deploy script fills in: `$HPA_AVERAGEVALUE_TARGET`, `${NAMESPACE}`.

`--set NAME=VALUE` fills them in inside scalars, before the scalar gets its type. What Kubernetes
expands itself, `$(POD_NAME)`, is no placeholder; neither is an escaped `$$`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


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
