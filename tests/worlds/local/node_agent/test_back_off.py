"""The delays of containers that end again and again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.worlds.local.node_agent.back_off import BackOff


def test_delays_double_up_to_the_longest():
    """At once, 10 s, 20 s, 40 s ... 300 s, counted from the end."""
    back_off, now, delays = BackOff(10.0, 300.0), 0.0, []
    for _ in range(8):
        start = back_off.next_start(now)
        delays.append(start - now)
        now = start + 1.0
    assert delays == [0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]


def test_who_has_run_for_long_begins_anew():
    """Twice the longest delay is long."""
    back_off = BackOff(10.0, 300.0)
    for end in (0.0, 1.0):
        back_off.next_start(end)
    assert back_off.next_start(11.0 + 600.0) == 11.0 + 600.0 + 20.0
    assert back_off.next_start(631.0 + 600.1) == 631.0 + 600.1


@given(st.lists(st.floats(0.0, 1000.0), max_size=20))
@settings(max_examples=60, derandomize=True)
def test_no_delay_is_negative_or_too_long(runs: list[float]):
    """Whatever a container does."""
    back_off, now = BackOff(10.0, 300.0), 0.0
    for run in runs:
        start = back_off.next_start(now)
        assert now <= start <= now + 300.0
        now = start + run
