"""Load on real servers: Locust in processes of its own, open loop, requests at absolute times.

    world        offer ─► generators ──(files of a folder)──► answer_log ─► Answers
    processes    __main__ ─► locustfile ─► dispatcher ─► exchange ─► service ─► pods

`generators` starts the processes and tells them when the run begins; they know a request from
`schedule`, a server from `engines.api_client` and the pods from `routes`. `distributed` lets them
be on other machines. Only the second line imports Locust, and it is never imported by the first:
Locust patches sockets wherever it is imported.

Times are wall seconds: seconds of the clock after the run's beginning.
"""

from __future__ import annotations

from scalecert.load.answer_log import Answers
from scalecert.load.generators import Load, Processes, prepare
from scalecert.load.offer import Offer, Service, Workers
from scalecert.load.streaming import TOKENS_PER_SECOND, streamed_mask

__all__ = [
    "TOKENS_PER_SECOND",
    "Answers",
    "Load",
    "Offer",
    "Processes",
    "Service",
    "Workers",
    "prepare",
    "streamed_mask",
]
