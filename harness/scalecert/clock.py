"""The only wall clock: everything else takes the time as an argument."""

from __future__ import annotations

import datetime
import time


def utc_now() -> str:
    """Return the date and time in UTC as ISO 8601 with seconds, for certificates."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - the one place


def monotonic_seconds() -> float:
    """Return seconds since some moment; never goes back, whatever happens to the date."""
    return time.monotonic()


def unix_seconds() -> float:
    """Return seconds since 1970 in UTC, as servers stamp their answers."""
    return time.time()  # noqa: TID251 - the one place
