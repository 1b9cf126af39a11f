"""The words of the real server's command line that only its API cares for."""

from __future__ import annotations

from collections.abc import Sequence


def flag_values(words: Sequence[str], flag: str) -> list[str]:
    """Return the values of a flag that takes several, the last time that it is given."""
    found: list[str] = []
    for index, given in enumerate(words):
        name, equals, value = given.partition("=")
        if name.replace("_", "-") == flag:
            found = [value] if equals else _until_a_flag(words[index + 1 :])
    return found


def _until_a_flag(words: Sequence[str]) -> list[str]:
    ends = (place for place, word in enumerate(words) if word.startswith("-"))
    return list(words[: next(ends, len(words))])
