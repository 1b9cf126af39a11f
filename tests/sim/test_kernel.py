"""The event kernel: order, and what may change next."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.sim.kernel import Kernel, Priority

EVENTS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(list(Priority))), max_size=30)


@settings(derandomize=True, max_examples=100)
@given(events=EVENTS)
def test_events_run_by_time_then_priority_then_order_of_scheduling(events):
    """The heap key is (time, priority, sequence)."""
    kernel, ran = Kernel(), []
    for sequence, (time, priority) in enumerate(events):
        kernel.at(
            float(time), priority, lambda now, key=(time, priority, sequence): ran.append(key)
        )
    kernel.run(math.inf)
    assert ran == sorted(
        (time, priority, sequence) for sequence, (time, priority) in enumerate(events)
    )


@settings(derandomize=True, max_examples=100)
@given(events=EVENTS, until=st.integers(0, 20))
def test_next_change_is_the_next_event_that_may_change_who_serves(events, until):
    """Scrapes are passed over, whatever has run already."""
    kernel = Kernel()
    for time, priority in events:
        kernel.at(float(time), priority, lambda now: None)
    kernel.run(float(until))
    left = [time for time, priority in events if priority is not Priority.SCRAPE and time > until]
    assert kernel.next_change() == min(left, default=math.inf)


def test_an_event_in_the_past_runs_now():
    """Time never goes back."""
    kernel, seen = Kernel(), []
    kernel.at(5.0, Priority.CONTROL, lambda now: kernel.at(1.0, Priority.CLUSTER, seen.append))
    kernel.run(10.0)
    assert seen == [5.0]
