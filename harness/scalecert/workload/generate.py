"""The requests of a run: arrivals and sizes put together.

Last stage of the workload's flow; a world takes what comes out and offers it, open loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalecert import rng
from scalecert.errors import HarnessBug, UsageError
from scalecert.request_limits import RequestLimits
from scalecert.workload.arrivals import arrival_times, replay
from scalecert.workload.model import Workload
from scalecert.workload.rate import RateCurve
from scalecert.workload.sizes import Tokens, fits, sampler
from scalecert.workload.tables import NO_TABLES, Tables
from scalecert.workload.traces import TraceRows

LEFT_OUT_LIMIT = 0.20


@dataclass(frozen=True, slots=True)
class Requests:
    """What is offered, n requests in order of arrival.

    Attributes:
        arrival_seconds: f8[n], intended arrival, sorted, in [0, duration).
        input_tokens: i4[n], prompt length, 1 at least.
        output_tokens: i4[n], answer length, 1 at least.
        left_out: how many more there would be that don't fit the model's context.
    """

    arrival_seconds: npt.NDArray[np.float64]
    input_tokens: Tokens
    output_tokens: Tokens
    left_out: int


def generate(
    workload: Workload,
    curve: RateCurve,
    *,
    seed: int,
    duration_seconds: float,
    longest: RequestLimits,
    tables: Tables = NO_TABLES,
) -> Requests:
    """Return the requests of a run.

    Args:
        workload: the document.
        curve: its rate, from `rate.resolve`.
        seed: of the streams "arrivals" and "sizes", which don't touch each other.
        duration_seconds: length of the run.
        longest: the longest requests that the server takes; others are left out.
        tables: what `load_tables` read for this workload.

    Raises:
        UsageError: if more than 20 % would be left out, or more would arrive than one run holds.
    """
    arrivals_stream, sizes_stream = rng.stream(seed, "arrivals"), rng.stream(seed, "sizes")
    if curve.replay is None:
        times = arrival_times(workload.process, curve, duration_seconds, arrivals_stream)
    else:
        trace = _trace_of(tables)
        times, rows = replay(trace, curve.replay, duration_seconds, arrivals_stream)
    if curve.replay is not None and workload.sizes == "trace":
        inputs, outputs = trace.input_tokens[rows], trace.output_tokens[rows]
    else:
        inputs, outputs = sampler(workload.sizes, sizes_stream, tables)(len(times))
    kept = fits(inputs, outputs, longest)
    left_out = int(np.count_nonzero(~kept))
    _check_left_out(left_out, len(times), longest)
    return Requests(times[kept], inputs[kept], outputs[kept], left_out)


def _trace_of(tables: Tables) -> TraceRows:
    if tables.trace is None:
        raise HarnessBug("a trace's curve without the rows of the trace")
    return tables.trace


def _check_left_out(left_out: int, total: int, longest: RequestLimits) -> None:
    if left_out > LEFT_OUT_LIMIT * total:
        raise UsageError(
            f"found {left_out} of {total} requests ({left_out / total:.1%}) longer than "
            f"the server takes ({longest}), expected at most {LEFT_OUT_LIMIT:.0%}",
            field="workload.sizes",
            hint=f"smaller sizes, or a server with a longer context ({longest.flag})",
        )
