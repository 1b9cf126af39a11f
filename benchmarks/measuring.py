"""What all measurements share: trials of a given load on a fleet, and their cost in CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from scalecert.bundled import bundled
from scalecert.engines.request_log import RequestLog, Status
from scalecert.pipeline import Inputs, Subject, subjects
from scalecert.planning.prepare import prepare
from scalecert.planning.trial import Trial
from scalecert.planning.unit_of_load import EngineStarter
from scalecert.recording.plan import SuiteRef
from scalecert.scenario.model import CheckRequest, Metadata, Scenario, ScenarioSpec
from scalecert.units import Duration
from scalecert.workload.model import ConstantRate, Fixed, Sizes, Workload
from scalecert.workload.stated_rate import Rate
from scalecert.worlds.sim import SimWorld

POLICY = bundled("fixtures", "policies") / "vllm-num-requests-running.yaml"
OBJECTIVE = "ttft_p95=2s,tpot_p95=100ms"
RUNS = 3
K = TypeVar("K", bound=Hashable)
_SATURATING = 2000
"""Requests from which a server's throughput is taken."""


def subject(replicas: int, profile: str | None, policy: Path = POLICY) -> Subject:
    """Return a policy, held at `replicas`, on an engine profile, None for the policy's own."""
    inputs = Inputs((str(policy),), objective=OBJECTIVE, profile=profile, capacity_per_second=0.01)
    (one,) = subjects(inputs)
    hpa = msgspec.structs.replace(one.policy.hpa, min_replicas=replicas, max_replicas=replicas)
    return replace(one, policy=replace(one.policy, hpa=hpa))


def throughput_per_second(one: Subject, input_tokens: int, output_tokens: int) -> float:
    """Return the highest requests per second of one replica.

    A server that refuses what it has no permit for serves a part only of what comes at once; three
    times the rate of that is an overload for any.
    """
    at_once = _served_per_second(one, [0.0] * _SATURATING, input_tokens, output_tokens)
    arrivals = (np.arange(_SATURATING) / (3.0 * at_once)).tolist()
    return _served_per_second(one, arrivals, input_tokens, output_tokens)


def _served_per_second(
    one: Subject, arrivals: list[float], input_tokens: int, output_tokens: int
) -> float:
    count = len(arrivals)
    log = RequestLog.of_size(count)
    engine = EngineStarter(one.resolved)(log)
    engine.offer(range(count), arrivals, [input_tokens] * count, [output_tokens] * count)
    engine.advance(float("inf"))
    return log.status.count(Status.OK) / float(np.nanmax(log.last_token_seconds))


def trial(one: Subject, share: float, tokens: tuple[int, int], requests: int) -> Trial:
    """Return a trial at a share of the fleet's maximum throughput."""
    replicas = one.policy.hpa.max_replicas
    rate = share * replicas * throughput_per_second(one, *tokens)
    sizes = Sizes(Fixed(tokens[0]), Fixed(tokens[1]))
    workload = Workload(rate=ConstantRate(Rate(f"{rate:.6f}/s")), sizes=sizes)
    spec = ScenarioSpec(
        why="speed",
        workload=workload,
        duration=Duration(requests / rate),
        checks=(CheckRequest("generator-on-time"),),
    )
    scenario = Scenario("scalecert.dev/v1", "Scenario", Metadata("speed"), spec)
    return prepare(one, scenario, Path(), SuiteRef("benchmark", "0", ""))


def least(trials: Mapping[K, Trial], cost: Callable[[Trial], float]) -> dict[K, float]:
    """Return the least cost of each trial over rounds in which all have their turn.

    A machine that slows down for a while does so for all of them.
    """
    rounds = [{name: cost(planned) for name, planned in trials.items()} for _ in range(RUNS)]
    return {name: min(each[name] for each in rounds) for name in trials}


def seconds_per_request(planned: Trial) -> float:
    """Return the CPU seconds per request of a whole simulation."""
    return cpu_seconds(lambda: SimWorld().run(planned)) / len(planned.requests.arrival_seconds)


def engine_seconds_per_request(planned: Trial) -> float:
    """Return the CPU seconds per request of the engines alone, requests dealt in turn."""
    columns = planned.requests
    count = len(columns.arrival_seconds)

    def serve() -> None:
        log = RequestLog.of_size(count)
        for pod in range(10):
            engine = planned.start_engine(log, pod, 0.0)
            turns = slice(pod, None, 10)
            engine.offer(
                range(count)[turns],
                columns.arrival_seconds[turns].tolist(),
                columns.input_tokens[turns].tolist(),
                columns.output_tokens[turns].tolist(),
            )
            engine.advance(float("inf"))

    return cpu_seconds(serve) / count


def cpu_seconds(action: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that an action takes."""
    start = time.process_time()
    action()
    return time.process_time() - start
