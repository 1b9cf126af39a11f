"""What a case raises when it does not pass: short texts, no traceback.

They derive from pytest's own outcome, so that an author's `except Exception` can't swallow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.outcomes import Failed
else:
    Failed = pytest.fail.Exception  # its public name, which type checkers can't subclass


class FindingsFailed(Failed):
    """At least one finding is `fail`: a test failure."""

    __module__ = "builtins"

    def __init__(self, text: str) -> None:
        super().__init__(text, pytrace=False)


class FindingsInconclusive(Failed):
    """No finding is `fail`, but one is `inconclusive`: an error, for nothing was shown."""

    __module__ = "builtins"

    def __init__(self, text: str) -> None:
        super().__init__(text, pytrace=False)
