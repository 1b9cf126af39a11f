"""What a simulated request costs, engine by engine; vLLM's is the yardstick of all others.

Every engine serves the same requests on the profile of one of its policies, at the same share of
what that serves at most.
"""

from __future__ import annotations

from collections.abc import Mapping

from measuring import engine_seconds_per_request, least, seconds_per_request, subject, trial

from scalecert.bundled import bundled
from scalecert.engines.registry import engine_names

REFERENCE = "vllm"
POLICIES = {
    "jetstream": "jetstream-slots-used",
    "tgi": "tgi-batch-current-size-with-headroom",
    "vllm": "vllm-num-requests-running",
}
"""Shipped ones of every engine, each on its own profile and with a gauge of the engine's own."""


def engines() -> dict[str, float]:
    """Measure all engines against each other, alone and in whole simulations."""
    trials = {
        engine: trial(
            subject(10, None, bundled("fixtures", "policies") / f"{policy}.yaml"),
            0.8,
            (256, 128),
            20_000,
        )
        for engine, policy in POLICIES.items()
        if engine in engine_names()
    }
    alone = least(trials, engine_seconds_per_request)
    whole = least(trials, seconds_per_request)
    speeds = {f"engine.requests_per_second.{name}": 1.0 / cost for name, cost in alone.items()}
    return speeds | ratios("engine", alone) | ratios("sim", whole)


def ratios(part: str, costs: Mapping[str, float]) -> dict[str, float]:
    """Return the costs of the other engines over the reference's."""
    return {
        f"{part}.cost_ratio.{name}": cost / costs[REFERENCE]
        for name, cost in costs.items()
        if name != REFERENCE
    }
