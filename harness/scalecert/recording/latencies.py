"""Request latencies at the client: each metric defined once, for checks and for capacity.

Every latency counts from the intended arrival, so that a late client or a queue before the
server can't hide (coordinated omission). A request that was never answered is infinitely late.

- TTFT = first token - arrival
- TPOT = (last token - first token) / (output tokens - 1); a request of one token has none
- E2E = last token - arrival
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scalecert.recording.plan import LatencyMetric, ObjectiveTerm
from scalecert.recording.quantiles import Floats, quantile


def latency_seconds(
    metric: LatencyMetric,
    *,
    arrival: Floats,
    first_token: Floats,
    last_token: Floats,
    output_tokens: Floats,
    served: npt.NDArray[np.bool_],
) -> Floats:
    """Return each request's latency; inf: it never came, NaN: the request has none by nature.

    Args:
        metric: which latency.
        arrival: intended arrivals, seconds, f8[n].
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
    gaps = output_tokens - 1
    single = (gaps < 1) & np.isfinite(last)
    return np.where(single, np.nan, _or_never((last - first_token) / np.maximum(gaps, 1)))


def measure(latencies: Floats, term: ObjectiveTerm) -> float | None:
    """Return the term's quantile of the latencies that exist, None if there is none."""
    present = latencies[~np.isnan(latencies)]
    return quantile(present, term.quantile) if present.size else None


def _or_never(latency: Floats) -> Floats:
    return np.where(np.isnan(latency), np.inf, latency)
