"""How high a metric rises with a load's request sizes: often less than its own limits allow.

Beside `policy.signals`, which puts it into each signal. What a server can hold is bounded by tokens
as well as by seats, so a target may lie above every value that such requests lead to.
"""

from __future__ import annotations

import math

from scalecert.engines.base import Limits, MetricInfo, RequestSizes
from scalecert.recording.plan import UsualMaximum

_DEVIATIONS = 1.5
"""A batch of n requests is that many standard deviations of its mean size off at one sync in
seven, so a target that takes more to be reached scales up by chance alone. Servers that were kept
full, with sizes from uniform to log-normal of twice their mean, ran more requests than this leaves
room for in less than 0.1 % of the time: those with long answers stay longest, and crowd a batch."""

_BATCH = 16.0
"""Requests in a full batch where the metric does not count them: few, so that much is left to
chance."""


def usual_maximum(
    info: MetricInfo | None, limits: Limits, sizes: RequestSizes | None, *, pods: int
) -> UsualMaximum | None:
    """Return how high a metric rises with requests of such sizes, None if they bound nothing.

    Args:
        info: what is known of the metric.
        limits: of the server.
        sizes: of the load's requests.
        pods: how many pods' values are added up.
    """
    if info is None or info.usual_maximum is None or sizes is None:
        return None
    value = info.usual_maximum(limits, sizes)
    if not math.isfinite(value):
        return None
    highest = max(
        value, *(info.usual_maximum(limits, one) for one in _by_chance(info, value, sizes))
    )
    return UsualMaximum(
        value=value * pods,
        highest=highest * pods,
        input_tokens=sizes.input_tokens,
        output_tokens=sizes.output_tokens,
    )


def _by_chance(info: MetricInfo, value: float, sizes: RequestSizes) -> list[RequestSizes]:
    """Return the mean sizes of batches of smaller and of larger requests than the load's.

    Requests stay in a batch the longer the larger they are, so that of those in it a mean is
    1 + spread^2 as large (E[x^2] / E[x]). No batch is smaller for it.
    """
    batch = max(1.0, value) if info.unit == "requests" else _BATCH
    off = min(0.9, _DEVIATIONS * sizes.spread / math.sqrt(batch))
    return [
        RequestSizes(sizes.input_tokens * factor, sizes.output_tokens * factor)
        for factor in (1 - off, (1 + off) * (1 + sizes.spread**2))
    ]
