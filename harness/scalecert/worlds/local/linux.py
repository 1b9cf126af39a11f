"""Whether this machine can hold a world of real processes."""

from __future__ import annotations

import sys

from scalecert.errors import UsageError


def require_linux() -> None:
    """Raise UsageError elsewhere than on Linux, whose process trees and loopback worlds need."""
    if sys.platform != "linux":
        raise UsageError(
            f"found local on {sys.platform}, expected Linux",
            field="--world",
            hint="sim runs anywhere",
        )
