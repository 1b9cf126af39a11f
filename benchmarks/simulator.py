"""Speed of the simulator, as ratios within one run where possible: machines are noisy.

Usage: python benchmarks/simulator.py [--json FILE] [--only NAME ...]

    sim.requests_per_second      simulated requests per second of one core: 10 replicas on L4 at
                                 0.8 x maximum throughput, 256 tokens in and 128 out, with HPA,
                                 metric pipeline and routing; best of three runs
    sim.replicas_cost_ratio      cost per request with 100 replicas over that with 1
    engine.tokens_cost_ratio     the engine's cost per request with up to 3,900 output tokens over
                                 that with 100 (64 in, A100-80G, no preemption)
    sim.tokens_cost_ratio        the same for the whole simulation: requests that take 100 times as
                                 long are seen by 100 times as many scrapes and syncs
    sim.preemption_cost_ratio    cost per request with the KV cache exhausted over that without
    engine.requests_per_second.E requests per second of one core of the engine E alone: 256 tokens
                                 in and 128 out at 0.8 x maximum throughput
    engine.cost_ratio.E          its cost per request over vLLM's; at most 1.5
    sim.cost_ratio.E             the same of whole simulations, with a shipped policy of each engine
    sim.quick_seconds            `certify --quick`, the core suite of the H200 policy, all cores
    sim.guarded_suite_seconds    the same with its guard band: five runs a scenario
    sim.guarded_l4_seconds       the same of the L4 policy, which its estimated profile leaves
                                 inconclusive, so that further runs tell which part decides
    sim.suite_max_rss_mb         the largest process of these
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine_costs import engines
from figures import write_figures
from measuring import (
    OBJECTIVE,
    POLICY,
    engine_seconds_per_request,
    least,
    seconds_per_request,
    subject,
    trial,
)

from scalecert.bundled import bundled

FAST_POLICY = bundled("fixtures", "policies") / "vllm-h200-num-requests-running.yaml"
FAST_OBJECTIVE = "ttft_p95=500ms,tpot_p95=20ms"


def simulator() -> dict[str, float]:
    """Measure requests per second."""
    planned = trial(subject(10, "vllm_llama-2-7b_l4"), 0.8, (256, 128), 60_000)
    return {"sim.requests_per_second": 1.0 / least({10: planned}, seconds_per_request)[10]}


def replicas() -> dict[str, float]:
    """Measure how the cost grows with the number of replicas."""
    trials = {
        count: trial(subject(count, "vllm_llama-2-7b_l4"), 0.8, (256, 128), 30_000)
        for count in (1, 10, 100)
    }
    costs = least(trials, seconds_per_request)
    return {"sim.replicas_cost_ratio": max(costs.values()) / costs[1]}


def tokens() -> dict[str, float]:
    """Measure how the cost grows with the length of answers, without preemption."""
    one = subject(10, "vllm_llama-2-7b_a100-80g")
    trials = {count: trial(one, 0.5, (64, count), 10_000) for count in (100, 400, 1600, 3900)}
    engine = least(trials, engine_seconds_per_request)
    whole = least(trials, seconds_per_request)
    return {
        "engine.tokens_cost_ratio": max(engine.values()) / engine[100],
        "sim.tokens_cost_ratio": max(whole.values()) / whole[100],
    }


def preemption() -> dict[str, float]:
    """Measure what a KV cache that is too small costs: recomputation, not a slower simulator."""
    one = subject(10, "vllm_llama-2-7b_l4")
    trials = {share: trial(one, share, (256, 128), 20_000) for share in (0.5, 1.1)}
    costs = least(trials, seconds_per_request)
    return {"sim.preemption_cost_ratio": costs[1.1] / costs[0.5]}


def suite() -> dict[str, float]:
    """Measure the core suite as a user runs it."""
    seconds = {
        "sim.quick_seconds": _certify_seconds(FAST_POLICY, FAST_OBJECTIVE, "--quick"),
        "sim.guarded_suite_seconds": _certify_seconds(FAST_POLICY, FAST_OBJECTIVE),
        "sim.guarded_l4_seconds": _certify_seconds(POLICY, OBJECTIVE),
    }
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**seconds, "sim.suite_max_rss_mb": largest}


def _certify_seconds(policy: Path, objective: str, *more: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        command = (sys.executable, "-m", "scalecert", "certify", str(policy), "--out", out)
        start = time.perf_counter()
        done = subprocess.run(
            (*command, "--objective", objective, *more), capture_output=True, check=False
        )
        elapsed = time.perf_counter() - start
    if done.returncode not in (0, 1, 3):
        sys.exit(done.stderr.decode())
    return elapsed


MEASUREMENTS = (simulator, replicas, tokens, preemption, engines, suite)

if __name__ == "__main__":
    write_figures(__doc__.splitlines()[0], MEASUREMENTS)
