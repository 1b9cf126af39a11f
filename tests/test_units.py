"""Durations: what people write, within what a run can tell apart."""

from __future__ import annotations

import pytest

from scalecert.units import LONGEST_SECONDS, Duration, times


@pytest.mark.parametrize(("text", "seconds"), [("1m30s", 90.0), ("100ms", 0.1), (5, 5.0)])
def test_a_duration_is_in_seconds(text: object, seconds: float):
    """Numbers with units, or a plain number of seconds."""
    assert Duration.decode(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [LONGEST_SECONDS + 1, 1e181, "999999999h", "1e9s", -1, True, "x"])
def test_what_is_no_duration_is_refused(value: object):
    """Beside ten years the seconds of a run are lost in rounding."""
    with pytest.raises(ValueError, match=r"^found .*, expected"):
        Duration.decode(value)


def test_once_is_no_plural():
    """Counts in messages read as people say them."""
    assert [times(count) for count in (0, 1, 2)] == ["0 times", "once", "2 times"]
