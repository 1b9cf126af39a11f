"""The only wall clock: everything else takes the time as an argument."""

from __future__ import annotations

import datetime


def utc_now() -> str:
    """Return the date and time in UTC as ISO 8601 with seconds, for certificates."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - the one place
