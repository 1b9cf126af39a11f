"""An estimated profile of TGI: the roofline's costs, and what differs in TGI's own server.

The roofline's efficiencies are those of a measured vLLM, whose kernels (FlashAttention, FlashInfer,
cuBLAS) TGI shares. What differs is around them, and assumed, as nobody has published a measurement
of it: TGI schedules nothing ahead, so its Python server, the calls between router and server and
the sampling are added to every step instead of hidden behind it; decode steps of more than 32
requests, and all with prompts, are launched kernel by kernel; and the router, in Rust, takes and
answers requests in a fraction of a Python server's time. Of a 7B model's decode step that makes
3 % more on an L4, 21 % on an A100 and a third on an H100: what is assumed matters where steps are
short.
"""

from __future__ import annotations

from msgspec.structs import replace

from scalecert.engines.catalog import Accelerator
from scalecert.engines.costs import StepCosts
from scalecert.engines.profiles import AcceleratorCount, EngineProfile, ModelShape, load_profile
from scalecert.engines.roofline import (
    EAGER_LAUNCH_SECONDS,
    REFERENCE,
    check_count,
    estimate_costs,
    estimate_memory,
    estimated_profile,
    require_kind,
)
from scalecert.engines.tgi.identity import LATEST
from scalecert.engines.tgi.profile_limits import TgiProfileLimits
from scalecert.engines.tgi.warmup import WarmUp, default_prefill_tokens, kv_tokens

STEP_SECONDS = 2e-3
"""The server's Python, gRPC and the router's loop, once a step. Assumed."""
REQUEST_SECONDS = 30e-6
"""Detokenizing and passing on one request's token, in Python. Assumed."""
ROUTER_SHARE = 0.1
"""The router's time a request, of that of the reference's API server. Assumed."""


def estimate(model: ModelShape, accelerator: Accelerator, *, count: int) -> EngineProfile:
    """Return the estimated profile of a shape on `count` accelerators.

    Raises:
        UsageError: if the model does not divide by `count`, its weights leave no room for a KV
            cache, or the accelerator is no GPU.
    """
    require_kind(accelerator, "gpu", "tgi")
    check_count(model, count)
    memory = estimate_memory(model, accelerator, count=count)
    prefill = default_prefill_tokens(model, accelerator, count)
    room = kv_tokens(memory, AcceleratorCount(accelerator.name, count), WarmUp(prefill))
    longest = min(room, model.max_context)
    return estimated_profile(
        "tgi",
        LATEST,
        model,
        accelerator,
        count=count,
        costs=server_costs(estimate_costs(model, accelerator, count=count), model.layers),
        memory=memory,
        limits=TgiProfileLimits(
            max_batch_prefill_tokens=prefill,
            max_batch_total_tokens=room,
            max_input_tokens=longest - 1,
            max_total_tokens=longest,
        ),
    )


def server_costs(costs: StepCosts, layers: int) -> StepCosts:
    """Return a roofline's costs with TGI's server around the model, of so many layers."""
    known = load_profile(REFERENCE).spec.model.layers
    eager = round(EAGER_LAUNCH_SECONDS * layers / known + STEP_SECONDS, 6)
    return replace(
        costs,
        overhead_seconds=round(costs.overhead_seconds + STEP_SECONDS, 7),
        decode_request_seconds=round(costs.decode_request_seconds + REQUEST_SECONDS, 8),
        step_floor_seconds=0.0,
        floor_request_seconds=REQUEST_SECONDS,
        prefill_floor_seconds=eager,
        eager_floor_seconds=eager,
        ungraphed_seconds=0.0,
        start_seconds=0.0,
        start_floor_seconds=0.0,
        arrival_request_seconds=round(costs.arrival_request_seconds * ROUTER_SHARE, 7),
        delivery_request_seconds=round(costs.delivery_request_seconds * ROUTER_SHARE, 8),
    )
