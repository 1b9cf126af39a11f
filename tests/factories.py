"""Recordings made by hand: a run in which everything went well, to be spoilt one fact at a time.

Ten requests a second arrive evenly for twenty minutes; from the start five of at most ten
replicas are there, each good for three requests a second. Every test states what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from scalecert.certificate.document import Certificate, issue
from scalecert.checks.finding import Finding
from scalecert.checks.judge import judge
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import (
    Capacity,
    EngineRef,
    FluidMinimum,
    Load,
    ModelError,
    ObjectiveTerm,
    Plan,
    PolicyRef,
    Provenance,
    Segment,
    Signal,
    SuiteRef,
    Window,
)
from scalecert.recording.runs import Bill, RecordedRun
from scalecert.recording.variations import guard_band, nominal
from scalecert.scalars import decode_hook
from scalecert.scenario.model import Scenario

CAPACITY = 3.0
DURATION = 1200.0


def make_scenario(
    *, checks: Sequence[str | Mapping[str, Any]] = (), level: str = "core", **spec: Any
) -> Scenario:
    """Return a scenario named `steady` with these checks (ids, or ids with limits)."""
    requests = [{"id": entry} if isinstance(entry, str) else dict(entry) for entry in checks]
    document = {
        "apiVersion": "scalecert.dev/v1",
        "kind": "Scenario",
        "metadata": {"name": spec.pop("name", "steady")},
        "spec": {
            "why": "Does a constant load settle?",
            "level": level,
            "duration": f"{spec.pop('duration', DURATION):g}s",
            "workload": {
                "rate": {"shape": "constant", "rate": "10/s"},
                "sizes": {
                    "input": {"distribution": "fixed", "tokens": 256},
                    "output": {"distribution": "fixed", "tokens": 128},
                },
            },
            "checks": requests,
            **spec,
        },
    }
    return msgspec.convert(document, Scenario, dec_hook=decode_hook)


def make_signal(**changes: Any) -> Signal:
    """Return the signal of a sound policy: running requests, target 10 of at most 256."""
    facts: dict[str, Any] = {
        "index": 0,
        "source_type": "Pods",
        "metric": "vllm:num_requests_running",
        "exists": True,
        "target_type": "AverageValue",
        "target_value": 10.0,
        "tolerance_up": 0.1,
        "unit": "requests",
        "maximum": 256.0,
    }
    return Signal(**{**facts, **changes})


def make_engine(**changes: Any) -> EngineRef:
    """Return an engine on an estimated profile that states no error."""
    facts: dict[str, Any] = {
        "name": "vllm",
        "version": "v0.11.0",
        "profile": "vllm_llama-2-7b_l4",
        "profile_digest": "sha256:2",
        "profile_provenance": "estimated",
        "model": "llama-2-7b",
        "accelerator": "nvidia-l4",
        "accelerators_per_replica": 1,
        "limits": {"max_num_seqs": 256},
    }
    return EngineRef(**{**facts, **changes})


def make_errors(**relative: float) -> dict[str, ModelError]:
    """Return errors of a profile that nobody has measured, by part: 30 % each by default."""
    parts = relative or {"prefill": 0.3, "decode": 0.3, "startup": 0.3}
    return {part: ModelError(value, "assumed") for part, value in parts.items()}


def make_policy(**changes: Any) -> PolicyRef:
    """Return a policy of 1 to 10 replicas."""
    facts: dict[str, Any] = {
        "name": "vllm",
        "namespace": "default",
        "digest": "sha256:0",
        "file": "policy.yaml",
        "spec": {"minReplicas": 1, "maxReplicas": 10},
        "target": "Deployment/vllm",
        "min_replicas": 1,
        "max_replicas": 10,
    }
    return PolicyRef(**{**facts, **changes})


def make_load(*segments: tuple[float, float, float, float], **changes: Any) -> Load:
    """Return a load of the segments (start, end, rate at start, rate at end)."""
    parts = tuple(Segment(*values) for values in segments or [(0.0, DURATION, 10.0, 10.0)])
    facts: dict[str, Any] = {
        "requests": 12_000,
        "left_out": 0,
        "mean_per_second": 10.0,
        "peak_per_second": max(max(part.rate_start, part.rate_end) for part in parts),
        "input_tokens_mean": 256.0,
        "output_tokens_mean": 128.0,
        "segments": parts,
    }
    return Load(**{**facts, **changes})


def make_window(start: float, end: float, before: float, after: float) -> Window:
    """Return a window whose start-up takes 90 s."""
    return Window(
        start_seconds=start,
        end_seconds=end,
        rate_before=before,
        rate_after=after,
        startup_seconds=90.0,
        drain_seconds=max(0.0, end - start - 120.0),
    )


def make_capacity(requests_per_second: float, method: str = "bisection") -> Capacity:
    """Return a capacity for requests of 256 and 128 tokens."""
    return Capacity(
        requests_per_second=requests_per_second,
        saturated_per_second=1.2 * requests_per_second,
        input_tokens_mean=256.0,
        output_tokens_mean=128.0,
        method=method,
    )


def make_plan(*, checks: Sequence[str | Mapping[str, Any]] = (), **changes: Any) -> Plan:
    """Return a plan; `changes` replace its fields."""
    scenario = changes.pop("scenario", None) or make_scenario(checks=checks)
    duration = float(scenario.spec.duration)
    facts: dict[str, Any] = {
        "api_version": "scalecert.dev/v1",
        "kind": "Plan",
        "harness_version": "0.1.0",
        "world": "sim",
        "scenario": scenario,
        "suite": SuiteRef(name="core", version="1", digest="sha256:1"),
        "policy": make_policy(),
        "engine": make_engine(),
        "objective": (ObjectiveTerm("ttft", 0.95, 2.0), ObjectiveTerm("tpot", 0.95, 0.1)),
        "capacity": make_capacity(CAPACITY),
        "load": make_load(),
        "windows": (),
        "signals": (make_signal(),),
        "provenance": (Provenance("engine", "vllm", "image"),),
        "startup_seconds": 90.0,
        "scrape_interval_seconds": 15.0,
        "price_per_hour": 0.7,
        "fluid_minimum": FluidMinimum(15.0, (4,) * int(duration // 15)),
        "variation": nominal(changes.pop("seed", 1)),
    }
    return Plan(**{**facts, **changes})


def make_requests(arrival_seconds: np.ndarray | None = None, **columns: Any) -> dict[str, Any]:
    """Return requests that were all served: 0.2 s queued, TTFT 0.5 s, TPOT 20 ms, 128 tokens."""
    arrivals = np.arange(0.0, DURATION, 0.1) if arrival_seconds is None else arrival_seconds
    count = arrivals.size
    tokens = np.full(count, 128, np.int32)
    found: dict[str, Any] = {
        "arrival_seconds": arrivals,
        "sent_seconds": arrivals.copy(),
        "scheduled_seconds": arrivals + 0.2,
        "first_token_seconds": arrivals + 0.5,
        "last_token_seconds": arrivals + 0.5 + 0.02 * (tokens - 1),
        "input_tokens": np.full(count, 256, np.int32),
        "output_tokens": tokens,
        "status": np.full(count, Status.OK, np.int8),
        "replica": np.zeros(count, np.int32),
    }
    return {**found, **columns}


def make_pods(*changes: tuple[float, int]) -> dict[str, np.ndarray]:
    """Return the pods' series for replicas set at times; pods are ready 90 s after a scale-up."""
    steps = list(changes or [(0.0, 5)])
    ready = [(steps[0][0], steps[0][1])]
    for (_, before), (time, after) in pairwise(steps):
        ready.append((time + 90.0 if after > before else time, after))
    times = sorted({time for time, _ in steps} | {time for time, _ in ready})
    spec = [_last(steps, time) for time in times]
    up = [_last(sorted(ready), time) for time in times]
    return {
        "pods.time_seconds": np.array(times, float),
        "pods.spec": np.array(spec, float),
        "pods.created": np.array(spec, float),
        "pods.bound": np.array(spec, float),
        "pods.ready": np.array(up, float),
        "pods.terminating": np.zeros(len(times)),
    }


def _last(steps: Sequence[tuple[float, int]], time: float) -> int:
    return next(value for at, value in reversed(steps) if at <= time)


def make_series(*changes: tuple[float, int], **series: Any) -> dict[str, np.ndarray]:
    """Return every series; `series` replaces some (write `__` for the dot)."""
    syncs = np.arange(15.0, DURATION + 1, 15.0)
    pods = make_pods(*changes)
    found = {
        **pods,
        "sync.time_seconds": syncs,
        "sync.spec_replicas": np.full(syncs.size, 5.0),
        "sync.ready_replicas": np.full(syncs.size, 5.0),
        "sync.desired_replicas": np.full(syncs.size, 5.0),
        "sync.metric.0.value": 10.0 + np.arange(syncs.size) % 3,
        "sync.metric.0.desired": np.full(syncs.size, 5.0),
        "engine.time_seconds": syncs,
        "engine.outstanding": np.full(syncs.size, 50.0),
    }
    return {**found, **{name.replace("__", "."): value for name, value in series.items()}}


def make_recording(
    *,
    plan: Plan | None = None,
    series: Mapping[str, np.ndarray] | None = None,
    requests: Mapping[str, np.ndarray] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    **plan_changes: Any,
) -> Recording:
    """Return a recording of the good run with the given parts replaced; its log is whole."""
    planned, log = plan or make_plan(**plan_changes), requests or {}
    if "arrival_seconds" in log:
        load = msgspec.structs.replace(planned.load, requests=len(log["arrival_seconds"]))
        planned = msgspec.structs.replace(planned, load=load)
    return Recording(
        plan=planned,
        series=make_series() if series is None else dict(series),
        requests=make_requests() if requests is None else dict(requests),
        events=tuple(events),
    )


def find_one(recording: Recording, check_id: str, *, limit: float | None = None) -> Finding | None:
    """Return what the one check says of a recording, whatever its scenario lists."""
    request: dict[str, Any] = {"id": check_id} | ({} if limit is None else {"limit": limit})
    spec = msgspec.structs.replace(
        recording.plan.scenario.spec,
        checks=make_scenario(checks=[request]).spec.checks,
    )
    scenario = msgspec.structs.replace(recording.plan.scenario, spec=spec)
    plan = msgspec.structs.replace(recording.plan, scenario=scenario)
    asked = Recording(plan, recording.series, recording.requests, recording.events)
    return next((finding for finding in judge(asked) if finding.id == check_id), None)


def make_certificate(*checks: str, date: str = "2026-01-01T00:00:00Z", **parts: Any) -> Certificate:
    """Return the certificate of one recording, judged by these checks; its band is whole."""
    recording = make_recording(plan=make_plan(checks=checks or ("ttft-objective",)), **parts)
    return issue("vllm", make_runs(recording.plan), judge(recording), date)


def make_bill(**changes: Any) -> Bill:
    """Return the bill of the good run: five accelerators for 20 min, 12,000 requests served."""
    facts = {"accelerator_hours": 5 / 3, "cost": 7 / 6, "currency": "USD", "tokens": 4_608_000}
    return Bill(**{**facts, **changes})


def make_runs(*plans: Plan) -> tuple[RecordedRun, ...]:
    """Return the whole guard band of each plan."""
    return tuple(
        RecordedRun(msgspec.structs.replace(plan, variation=variation), "sha256:3", make_bill())
        for plan in plans
        for variation in guard_band(plan.seed, plan.engine.errors)
    )
