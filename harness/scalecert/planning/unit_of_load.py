"""The unit of load of one policy and scenario: its replica's capacity, searched or pinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from scalecert.documents import canonical_json
from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog
from scalecert.errors import UsageError
from scalecert.planning.capacity import (
    REQUESTS,
    SEEDS,
    DrawSizes,
    ObjectiveOutOfReachError,
    Sizes,
    replica_capacity,
    saturated_per_second,
)
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Capacity, ObjectiveTerm
from scalecert.request_limits import RequestLimits
from scalecert.rng import Generator, stream
from scalecert.workload.model import Workload
from scalecert.workload.sizes import fits, sampler
from scalecert.workload.tables import Tables

_REFILLS = 20
"""Draws to replace sizes that exceed the context; what a run would leave out is rare by then."""

_FOUND: dict[bytes, Capacity] = {}
"""What this process has searched: the scenarios of a suite mostly share their sizes."""


class ObjectiveOutOfReach(UsageError):  # noqa: N818 - a kind of UsageError, which needs no suffix
    """Even an idle replica misses the objective."""


@dataclass(frozen=True, slots=True)
class EngineStarter:
    """Starts server processes as a policy's pods run them."""

    resolved: Resolved

    def __call__(self, log: RequestLog, ordinal: int = 0, now: float = 0.0) -> Engine:
        """Return a started, idle server process."""
        server = self.resolved
        return server.kind.start(
            server.profile,
            server.limits,
            log,
            ordinal=ordinal,
            model_name=server.model_name,
            now=now,
        )


def unit_of_load(
    resolved: Resolved,
    objective: Sequence[ObjectiveTerm],
    workload: Workload,
    tables: Tables,
    pinned_per_second: float | None,
) -> Capacity:
    """Return the capacity of one replica for the workload's request sizes.

    Raises:
        ObjectiveOutOfReach: if even lone requests on an idle replica miss the objective.
    """
    key = _key(resolved, objective, workload, tables, pinned_per_second)
    if key not in _FOUND:
        start = EngineStarter(resolved)
        draw = partial(_draw, workload, tables, resolved.request_limits)
        if pinned_per_second is None:
            _FOUND[key] = _searched(start, draw, objective)
        else:
            _FOUND[key] = _pinned(pinned_per_second, start, draw)
    return _FOUND[key]


def _searched(
    start: EngineStarter, draw: DrawSizes, objective: Sequence[ObjectiveTerm]
) -> Capacity:
    try:
        return replica_capacity(start, draw, objective)
    except ObjectiveOutOfReachError as error:
        raise ObjectiveOutOfReach(
            str(error), field="objective", hint="loosen the limit or take a faster accelerator"
        ) from error


def _pinned(rate_per_second: float, start: EngineStarter, draw: DrawSizes) -> Capacity:
    inputs, outputs = draw(REQUESTS, stream(SEEDS[0], "capacity", "sizes"))
    return Capacity(
        requests_per_second=rate_per_second,
        saturated_per_second=round(saturated_per_second(start, draw), 6),
        input_tokens_mean=round(float(np.mean(inputs)), 3),
        output_tokens_mean=round(float(np.mean(outputs)), 3),
        method="pinned by the user",
    )


def _draw(
    workload: Workload, tables: Tables, longest: RequestLimits, count: int, generator: Generator
) -> Sizes:
    """Return `count` sizes of the workload, those beyond the model's context drawn again.

    A workload that hardly ever fits repeats what fits; one that never does is refused later, as
    more than 20 % of its requests would be left out.
    """
    draw = sampler(workload.sizes, generator, tables)
    inputs, outputs = draw(count)
    for _ in range(_REFILLS):
        kept = fits(inputs, outputs, longest)
        missing = count - int(np.count_nonzero(kept))
        if not missing:
            return inputs, outputs
        more = draw(missing)
        inputs = np.concatenate([inputs[kept], more[0]])
        outputs = np.concatenate([outputs[kept], more[1]])
    kept = fits(inputs, outputs, longest)
    if not kept.any():
        raise UsageError(
            f"found no request that the server takes ({longest})",
            field="workload.sizes",
            hint=f"smaller sizes, or a server with a longer context ({longest.flag})",
        )
    return np.resize(inputs[kept], count), np.resize(outputs[kept], count)


def _key(
    resolved: Resolved,
    objective: Sequence[ObjectiveTerm],
    workload: Workload,
    tables: Tables,
    pinned_per_second: float | None,
) -> bytes:
    return canonical_json(
        {
            "engine": resolved.kind.name,
            "profile": resolved.profile,
            "limits": dict(resolved.limits.values),
            "objective": tuple(objective),
            "sizes": workload.sizes,
            "trace": workload.trace,
            "files": dict(tables.digests),
            "pinned": pinned_per_second,
        }
    )
