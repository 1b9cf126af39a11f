"""What a workload's requests are like: the mean sizes that bound what a server can hold.

A property of the workload, not of one run: lint and every run of a scenario judge by the same.
"""

from __future__ import annotations

import numpy as np

from scalecert.engines.base import RequestSizes
from scalecert.request_limits import RequestLimits
from scalecert.rng import stream
from scalecert.workload.model import Workload
from scalecert.workload.sizes import fits, sampler
from scalecert.workload.tables import Tables

_DRAWS = 20_000
"""Means of sizes as varied as their mean are good to 1 %, in a few milliseconds."""

_SEED = 1


def request_sizes(workload: Workload, tables: Tables, longest: RequestLimits) -> RequestSizes:
    """Return mean sizes and spread of the workload's requests that fit the model's context.

    If none fits, all are counted; a run of them is refused elsewhere.
    """
    inputs, outputs = sampler(workload.sizes, stream(_SEED, "request-sizes"), tables)(_DRAWS)
    kept = fits(inputs, outputs, longest)
    if kept.any():
        inputs, outputs = inputs[kept], outputs[kept]
    tokens = inputs.astype(np.float64) + outputs
    return RequestSizes(
        input_tokens=round(float(inputs.mean()), 1),
        output_tokens=round(float(outputs.mean()), 1),
        spread=round(float(tokens.std() / tokens.mean()), 3),
    )
