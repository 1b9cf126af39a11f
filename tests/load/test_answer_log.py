"""The log of what clients saw: whole records count, the last one of each request."""

from __future__ import annotations

from math import nan

import numpy as np
from load.offers import offer_of

from scalecert.engines.request_log import Status
from scalecert.load.answer_log import RECORD, AnswerLog, Seen, Way, answers_of, read_log

SENT = Seen(1, 0.5, replica=3)
ENDED = SENT._replace(
    status=Status.OK,
    first_token_seconds=0.75,
    last_token_seconds=1.5,
    scheduled_seconds=0.625,
)


def test_a_record_reads_as_it_was_written(tmp_path):
    """Field by field."""
    path = tmp_path / "log"
    path.write_bytes(ENDED.packed())
    (record,) = read_log(path)
    assert record["request"] == 1
    assert [record[name] for name in RECORD.names[1:4]] == [Status.OK, Way.SENT, 3]
    assert [record[name] for name in RECORD.names[4:]] == [0.5, 0.75, 1.5, 0.625]


def test_what_was_written_before_a_crash_is_there(tmp_path):
    """A record that was cut off is left out, whole ones count."""
    path = tmp_path / "log"
    log = AnswerLog(path, tmp_path / "done")
    log.write(SENT.packed())
    log.write(ENDED.packed()[:-1])
    assert len(read_log(path)) == 1


def test_a_log_that_is_complete_says_so(tmp_path):
    """By its name."""
    log = AnswerLog(tmp_path / "log", tmp_path / "done")
    log.write(ENDED.packed())
    log.close()
    assert len(read_log(tmp_path / "done")) == 1
    assert not (tmp_path / "log").exists()


def as_log(*seen: Seen):
    """Return records."""
    return np.frombuffer(b"".join(one.packed() for one in seen), dtype=RECORD)


def test_the_last_record_of_a_request_counts():
    """Sent, then ended; a request that was never sent has no times."""
    answers = answers_of(offer_of([0.4, 0.5], streamed=[False, True]), [as_log(SENT, ENDED)])
    np.testing.assert_equal(answers.sent_seconds, [nan, 0.5])
    np.testing.assert_equal(answers.last_token_seconds, [nan, 1.5])
    np.testing.assert_equal(answers.scheduled_seconds, [nan, 0.625])
    assert answers.status.tolist() == [Status.PENDING, Status.OK]
    assert answers.replica.tolist() == [-1, 3]
    assert answers.streamed.tolist() == [0, 1]


def test_requests_that_were_sent_but_not_answered_are_pending():
    """They have the time of sending, and the pod."""
    answers = answers_of(offer_of([0.4, 0.5]), [as_log(SENT)])
    assert answers.status.tolist() == [Status.PENDING, Status.PENDING]
    assert answers.replica.tolist() == [-1, 3]


def test_refused_requests_are_told_with_their_times():
    """In order of time, whichever generator sent them."""
    refused = [Seen(i, t, status=Status.ABORTED, way=Way.REFUSED) for i, t in ((0, 2.0), (2, 1.0))]
    logs = [as_log(refused[0], ENDED), as_log(refused[1], Seen(3, way=Way.DROPPED))]
    answers = answers_of(offer_of([0.0] * 4), logs)
    assert answers.refused_seconds.tolist() == [1.0, 2.0]
    assert answers.status.tolist() == [Status.ABORTED, Status.OK, Status.ABORTED, Status.PENDING]
    assert answers.dropped == 1
    assert np.isnan(answers.sent_seconds[3])
