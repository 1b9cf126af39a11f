"""`NAME=VALUE` words of the command line (`--set`), for both doors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scalecert.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Return the values of placeholders by name; of a repeated name the last one holds.

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
