"""What the request log tells beside its columns: what was in the servers, what was lost or refused.

Times are seconds of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalecert.engines.request_log import Status
from scalecert.recording.model import Column

_Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The requests that reached a server: from when to when each was in it, and what was lost.

    Attributes:
        sent: sorted.
        ended: sorted; inf for what is still there.
        aborted: how many requests were lost with their server, by the pod's ordinal and when it
            ended; inf if nobody saw that.
        refused: when each request was that met no listening server, sorted.
    """

    sent: _Times
    ended: _Times
    aborted: Mapping[tuple[int, float], int]
    refused: _Times

    def outstanding(self, seconds: float) -> int:
        """Return the requests in all servers at a time."""
        came = np.searchsorted(self.sent, seconds, side="left")
        left = np.searchsorted(self.ended, seconds, side="right")
        return int(came) - int(left)

    def refused_within(self, after_seconds: float, until_seconds: float) -> _Times:
        """Return when requests were refused, after one time and until another."""
        first, last = np.searchsorted(self.refused, (after_seconds, until_seconds), side="right")
        return self.refused[first:last]


def request_facts(
    requests: Mapping[str, Column],
    ends_seconds: Mapping[int, Sequence[float]],
    refused: Sequence[float],
) -> RequestFacts:
    """Return the facts of a request log.

    Args:
        requests: its columns, as `recording.model` has them.
        ends_seconds: when servers ended, by the pod's ordinal, in order: until then they held what
            they lost.
        refused: when requests were refused; they have no replica.
    """
    status, replica = requests["status"], requests["replica"].astype(np.int64)
    reached = (replica >= 0) & np.isfinite(requests["sent_seconds"].astype(np.float64))
    reached &= status != Status.REJECTED
    sent = requests["sent_seconds"].astype(np.float64)
    ended = np.nan_to_num(requests["last_token_seconds"].astype(np.float64), nan=np.inf)
    aborted: Counter[tuple[int, float]] = Counter()
    for index in np.flatnonzero(reached & (status == Status.ABORTED)).tolist():
        ordinal = int(replica[index])
        ended[index] = _end_of(ends_seconds.get(ordinal, ()), sent[index])
        aborted[ordinal, float(ended[index])] += 1
    return RequestFacts(
        sent=np.sort(sent[reached]),
        ended=np.sort(ended[reached]),
        aborted=aborted,
        refused=np.sort(np.asarray(refused, dtype=np.float64)),
    )


def _end_of(ends_seconds: Sequence[float], sent_seconds: float) -> float:
    """Return when the server ended that got a request, inf if nobody saw that."""
    return next((end for end in ends_seconds if end >= sent_seconds), np.inf)
