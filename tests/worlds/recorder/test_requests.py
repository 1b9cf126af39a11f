"""What the request columns tell: outstanding, aborted, refused."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import Status
from scalecert.worlds.recorder.requests import request_facts

NAN = float("nan")


def columns(*rows):
    """Return columns of rows (sent, last token, status, replica)."""
    sent, last, status, replica = zip(*rows, strict=True) if rows else ((),) * 4
    return {
        "sent_seconds": np.array(sent, dtype=np.float64),
        "last_token_seconds": np.array(last, dtype=np.float64),
        "status": np.array(status, dtype=np.int8),
        "replica": np.array(replica, dtype=np.int32),
    }


def test_a_request_is_in_a_server_from_when_it_was_sent_until_its_last_token():
    """At the moment of sending it is not there yet, at that of its end no more."""
    facts = request_facts(columns((1.0, 4.0, Status.OK, 0), (2.0, 3.0, Status.OK, 1)), {}, [])
    assert [facts.outstanding(time) for time in (1.0, 1.5, 2.5, 3.0, 4.0)] == [0, 1, 2, 1, 0]


def test_a_lost_request_was_there_until_its_pod_was_gone():
    """Nobody answered it; it is counted with the pod's others."""
    lost = (1.0, NAN, Status.ABORTED, 3)
    rows = [lost, lost, (1.0, NAN, Status.PENDING, 0)]
    facts = request_facts(columns(*rows), {3: [0.5, 5.0, 9.0]}, [])
    assert facts.aborted == {(3, 5.0): 2}
    assert [facts.outstanding(time) for time in (4.9, 5.0)] == [3, 1]


def test_requests_are_lost_each_time_that_a_server_crashes():
    """Those that were sent before it; after the last end that anybody saw, nobody knows when."""
    rows = [(sent, NAN, Status.ABORTED, 0) for sent in (1.0, 2.0, 4.0, 8.0)]
    facts = request_facts(columns(*rows), {0: [3.0, 6.0]}, [])
    assert facts.aborted == {(0, 3.0): 2, (0, 6.0): 1, (0, float("inf")): 1}


def test_refused_and_rejected_requests_were_in_no_server():
    """Neither those without a server, nor those that it would not take, nor those not sent."""
    rows = [
        (1.0, NAN, Status.ABORTED, -1),
        (1.0, NAN, Status.REJECTED, 0),
        (NAN, NAN, Status.PENDING, -1),
    ]
    facts = request_facts(columns(*rows), {}, [2.0, 1.0])
    assert facts.outstanding(10.0) == 0
    assert facts.aborted == {}
    assert facts.refused_within(0.0, 1.0).tolist() == [1.0]
    assert facts.refused_within(1.0, 9.0).tolist() == [2.0]


@settings(derandomize=True, max_examples=50)
@given(
    spans=st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 50)), max_size=30),
    time=st.floats(0, 100),
)
def test_outstanding_is_a_count(spans, time):
    """Of the requests whose time in a server holds that moment."""
    rows = [(sent, sent + took, Status.OK, 0) for sent, took in spans]
    facts = request_facts(columns(*rows), {}, [])
    assert facts.outstanding(time) == sum(sent < time < last for sent, last, _, _ in rows)
