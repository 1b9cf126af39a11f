"""What the request log tells beside its columns: what was in the servers, what was lost or refused.

Times are seconds of the run.
"""

from __future__ import annotations

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
        aborted: by the pod's ordinal, how many requests were lost with their server.
        refused: when each request was that met no listening server, sorted.
    """

    sent: _Times
    ended: _Times
    aborted: Mapping[int, int]
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
    requests: Mapping[str, Column], gone_seconds: Mapping[int, float], refused: Sequence[float]
) -> RequestFacts:
    """Return the facts of a request log.

    Args:
        requests: its columns, as `recording.model` has them.
        gone_seconds: when pods were gone, by ordinal: until then they held what they lost.
        refused: when requests were refused; they have no replica.
    """
    status, replica = requests["status"], requests["replica"].astype(np.int64)
    reached = (replica >= 0) & np.isfinite(requests["sent_seconds"].astype(np.float64))
    reached &= status != Status.REJECTED
    lost = reached & (status == Status.ABORTED)
    ended = np.nan_to_num(requests["last_token_seconds"].astype(np.float64), nan=np.inf)
    for index in np.flatnonzero(lost):
        ended[index] = gone_seconds.get(int(replica[index]), np.inf)
    ordinals, counts = np.unique(replica[lost], return_counts=True)
    return RequestFacts(
        sent=np.sort(requests["sent_seconds"][reached].astype(np.float64)),
        ended=np.sort(ended[reached]),
        aborted=dict(zip(ordinals.tolist(), counts.tolist(), strict=True)),
        refused=np.sort(np.asarray(refused, dtype=np.float64)),
    )
