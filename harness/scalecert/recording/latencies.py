"""Request latencies at the client: each metric defined once, for checks and for capacity.

TTFT and E2E count from the intended arrival, so that a late client or a queue before the server
can't hide (coordinated omission). The other two leave queueing out: no objective is of them alone.
A request that was never answered is infinitely late.

- TTFT = first token - arrival
- TPOT = (last token - first token) / (output tokens - 1); a request of one token has none
- mean time per token = (last token - end of queueing) / output tokens, prefill included. TGI's
  router reports it as `tgi_request_mean_time_per_token_duration`: inference time / generated tokens
  (router/src/server.rs). TGI's ends at the server, this with the last token at the client:
  one delivery, some milliseconds spread over the whole answer, is in it too.
- E2E = last token - arrival

Where the machine can't read every answer token by token, E2E is told of all requests and the other
three of those that were streamed: nobody saw the others' first token.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scalecert.recording.plan import LatencyMetric, ObjectiveTerm
from scalecert.recording.quantiles import Floats, quantile

FROM_ARRIVAL: tuple[LatencyMetric, ...] = ("ttft", "e2e")
"""The metrics that queueing is part of."""

OF_STREAMED: tuple[LatencyMetric, ...] = ("ttft", "tpot", "mean_time_per_token")
"""The metrics that are told of streamed requests alone."""


def latency_seconds(
    metric: LatencyMetric,
    *,
    arrival: Floats,
    scheduled: Floats,
    first_token: Floats,
    last_token: Floats,
    output_tokens: Floats,
    served: npt.NDArray[np.bool_],
) -> Floats:
    """Return each request's latency; inf: it never came, NaN: the request has none by nature.

    Args:
        metric: which latency.
        arrival: intended arrivals, seconds, f8[n].
        scheduled: when each left the server's queue, seconds, NaN for unknown, f8[n]. Of an
            answered request it must be known, or its mean time per token is infinite.
        first_token: seconds, NaN for none, f8[n].
        last_token: seconds, NaN for none, f8[n].
        output_tokens: f8[n].
        served: whether a request was answered to its last token, bool[n].
    """
    if metric == "ttft":
        return _or_never(first_token - arrival)
    last = np.where(served, last_token, np.nan)
    if metric == "e2e":
        return _or_never(last - arrival)
    if metric == "mean_time_per_token":
        return _or_never((last - scheduled) / np.maximum(output_tokens, 1))
    gaps = output_tokens - 1
    single = (gaps < 1) & np.isfinite(last)
    return np.where(single, np.nan, _or_never((last - first_token) / np.maximum(gaps, 1)))


def in_words(metric: LatencyMetric) -> str:
    """Return a metric as people write it: `TTFT`, `mean time per token`."""
    return metric.replace("_", " ") if "_" in metric else metric.upper()


def measure(latencies: Floats, term: ObjectiveTerm) -> float | None:
    """Return the term's quantile of the latencies that exist, None if there is none."""
    present = latencies[~np.isnan(latencies)]
    return quantile(present, term.quantile) if present.size else None


def _or_never(latency: Floats) -> Floats:
    return np.where(np.isnan(latency), np.inf, latency)
