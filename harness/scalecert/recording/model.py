"""The Recording: one trial as a world saw it. Checks read recordings and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scalecert.recording.plan import Plan

Column = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Recording:
    """Times are seconds of the run.

    `requests`, columns of one length, in order of arrival: `arrival_seconds` (intended),
    `sent_seconds`, `first_token_seconds`, `last_token_seconds` (NaN: never), `input_tokens`,
    `output_tokens`, `status` (`engines.base.Status`), `replica` (pod ordinal, -1: none), and
    `scheduled_seconds` (the end of queueing at the server's clock, NaN: unknown, or never
    answered), which recordings of earlier releases, and of worlds that can't know it, lack; and
    `streamed` (1: read token by token; 0: in one piece, so that nobody saw its first token), which
    those lack that streamed all.

    `series`, step functions and samples:
    `pods.time_seconds` with `pods.spec`, `pods.created`, `pods.bound` (hold accelerators, the
    terminating ones too), `pods.ready`, `pods.terminating`: one entry at every change;
    `sync.time_seconds` with `sync.spec_replicas`, `sync.ready_replicas`, `sync.desired_replicas`
    and per metric i of the HPA `sync.metric.<i>.value` (in the target's unit; NaN: no value) and
    `sync.metric.<i>.desired`, and per path of the harness's own canary series
    `sync.canary.<path>.age_seconds` (age of the newest heartbeat that came over the path, NaN: the
    metrics API had no answer; a world without an own metric path has none): one entry a sync of
    the HPA;
    `engine.time_seconds` with `engine.outstanding` (requests in all servers): one entry a sync.

    `events`: `{"time": seconds, "kind": ..., ...}` in order of time.
    """

    plan: Plan
    series: Mapping[str, Column]
    requests: Mapping[str, Column]
    events: tuple[Mapping[str, Any], ...]
