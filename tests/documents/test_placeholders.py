"""`--set NAME=VALUE`."""

from __future__ import annotations

import pytest

from scalecert.documents.placeholders import parse_settings
from scalecert.errors import UsageError


def test_values_may_hold_anything():
    """Only the first `=` parts; the last of a repeated name holds; a `$` before it is forgiven."""
    pairs = ["A=1", "B=x=y", "C=", "$D=4", "A=2"]
    assert parse_settings(pairs) == {"A": "2", "B": "x=y", "C": "", "D": "4"}


@pytest.mark.parametrize("pair", ["A", "=1", "1A=2", "A-B=1", ""])
def test_what_is_no_pair_is_refused(pair: str):
    """The message says the form."""
    with pytest.raises(UsageError, match=r"--set: .*expected NAME=VALUE"):
        parse_settings([pair])
