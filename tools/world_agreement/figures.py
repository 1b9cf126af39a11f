"""Two recordings of one run in figures: what fixtures/fidelity.json keeps of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scalecert.checks.band import margin_of
from scalecert.checks.finding import Finding, RunResult, Verdict
from scalecert.checks.judge import judge
from scalecert.checks.requests import latency_seconds
from scalecert.recording import agreement
from scalecert.recording.agreement import LatencyFigures, PairRun, WorldRun
from scalecert.recording.model import Recording
from scalecert.recording.plan import LatencyMetric
from scalecert.recording.quantiles import Floats, quantile
from world_agreement.pairs import Pair
from world_agreement.runs import Run

METRICS: tuple[LatencyMetric, ...] = ("ttft", "tpot", "e2e")
CLEAR_MARGIN = 0.20
"""How far inside or beyond its limit a check must be in both worlds for its verdict to count."""

Recordings = tuple[Recording, Recording]


def pair_of(pair: Pair, runs: Sequence[tuple[Run, Recordings]]) -> agreement.Pair:
    """Return the figures of a pair from its runs in sim and local."""
    plan = runs[0][1][1].plan
    wall_clock = plan.wall_clock
    return agreement.Pair(
        scenario=pair.scenario,
        policy=pair.policy,
        engine=plan.engine.name,
        profile=plan.engine.profile,
        profile_digest=plan.engine.profile_digest,
        unseen=pair.unseen,
        time_lapse=wall_clock.time_lapse if wall_clock else 1,
        sync_period_seconds=float(plan.scenario.spec.cluster.controllers.sync_period),
        runs=tuple(_run(run.seed, *recordings) for run, recordings in runs),
    )


def _run(seed: int, sim: Recording, local: Recording) -> PairRun:
    compared, differing = _verdicts(judge(sim), judge(local))
    return PairRun(
        seed=seed,
        sim=_world(sim),
        local=_world(local),
        replica_difference=_replica_difference(sim, local),
        verdicts_compared=compared,
        verdicts_differing=differing,
    )


def _world(recording: Recording) -> WorldRun:
    times, spec = _steps(recording, "spec")
    up = np.flatnonzero(np.diff(spec) > 0)
    duration = float(recording.plan.scenario.spec.duration)
    grid, ready = _steps(recording, "ready")
    spans = np.diff(np.append(grid, duration))
    return WorldRun(
        ready_replicas_mean=float(np.sum(ready * spans) / duration),
        scale_steps=int(np.count_nonzero(np.diff(spec))),
        first_scale_up_seconds=float(times[up[0] + 1]) if up.size else None,
        latencies={metric: _latency(recording, metric) for metric in METRICS},
    )


def _latency(recording: Recording, metric: LatencyMetric) -> LatencyFigures:
    found = latency_seconds(recording, metric)
    present = found[~np.isnan(found)]
    return LatencyFigures(p50_seconds=quantile(present, 0.50), p95_seconds=quantile(present, 0.95))


def _steps(recording: Recording, name: str) -> tuple[Floats, Floats]:
    """Return times and values of a series of pods, within the run."""
    times = np.asarray(recording.series["pods.time_seconds"], dtype=np.float64)
    values = np.asarray(recording.series[f"pods.{name}"], dtype=np.float64)
    within = times < float(recording.plan.scenario.spec.duration)
    return times[within], values[within]


def _replica_difference(sim: Recording, local: Recording) -> float:
    """Return the time-weighted mean of |ready in sim - ready in local| over the run."""
    one, other = _steps(sim, "ready"), _steps(local, "ready")
    duration = float(sim.plan.scenario.spec.duration)
    edges = np.unique(np.concatenate((one[0], other[0], [0.0])))
    spans = np.diff(np.append(edges, duration))
    apart = np.abs(_at(edges, *one) - _at(edges, *other))
    return float(np.sum(apart * spans) / duration)


def _at(when: Floats, times: Floats, values: Floats) -> Floats:
    return values[np.maximum(np.searchsorted(times, when, side="right") - 1, 0)]


def _verdicts(sim: Sequence[Finding], local: Sequence[Finding]) -> tuple[int, tuple[str, ...]]:
    """Return how many checks have a clear margin in both worlds, and which of them disagree."""
    others = {finding.id: finding for finding in local}
    pairs = [(one, others[one.id]) for one in sim if one.id in others]
    clear = [(one, other) for one, other in pairs if _is_clear(one) and _is_clear(other)]
    return len(clear), tuple(one.id for one, other in clear if one.verdict != other.verdict)


def _is_clear(finding: Finding) -> bool:
    if finding.verdict not in (Verdict.PASS, Verdict.FAIL):
        return False
    result = RunResult("", finding.verdict, finding.measured, finding.limit)
    margin = margin_of(result, finding.comparison)
    return margin is not None and abs(margin) > CLEAR_MARGIN
