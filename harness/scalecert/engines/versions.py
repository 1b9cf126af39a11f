"""Versions of engines: what image tags, profiles and tables of metrics say of them, compared."""

from __future__ import annotations

import re
from dataclasses import dataclass


def version_parts(version: str) -> tuple[int, ...]:
    """Return a version as three numbers that compare: `0.9` is before `0.10.1`."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of an engine from `since` on, and before `until`: `version in Versions(...)`."""

    since: str = "0"
    until: str | None = None

    def __contains__(self, version: str) -> bool:
        """Tell whether a version is one of them."""
        parts = version_parts(version)
        over = self.until is not None and parts >= version_parts(self.until)
        return parts >= version_parts(self.since) and not over


ALL_VERSIONS = Versions()
