"""What the replay of one record comes to."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """Whether one record was reproduced.

    Args:
        record: its id or name.
        mismatch: the first difference; None if it matches.
        left_out: why it is not replayed at all; None if it is.
    """

    record: str
    mismatch: str | None = None
    left_out: str | None = None


def difference(what: str, expected: object, found: object) -> str | None:
    """Return a line about two values that should be equal; None if they are."""
    if expected == found:
        return None
    return f"{what}: expected {expected!r}, found {found!r}"
