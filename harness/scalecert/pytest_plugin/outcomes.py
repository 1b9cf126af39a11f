"""What a case raises when it does not pass: short texts, no traceback.

They derive from pytest's own outcome, so that an author's `except Exception` can't swallow them.
"""

from __future__ import annotations

import pytest


class FindingsFailed(pytest.fail.Exception):
    """At least one finding is `fail`: a test failure."""

    __module__ = "builtins"

    def __init__(self, text: str) -> None:
        super().__init__(text, pytrace=False)


class FindingsInconclusive(pytest.fail.Exception):
    """No finding is `fail`, but one is `inconclusive`: an error, for nothing was shown."""

    __module__ = "builtins"

    def __init__(self, text: str) -> None:
        super().__init__(text, pytrace=False)
