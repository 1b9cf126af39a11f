"""Roofline: an engine profile from a model's shape and an accelerator's data.

Every step cost of the measured profile `vllm_llama-2-7b_h200` is read as a physical quantity over
a peak rate times an efficiency, and that efficiency is carried over to other shapes and
accelerators:

| cost            | quantity                                                   | rate       |
|-----------------|------------------------------------------------------------|------------|
| weights         | bytes of all layers and the output head                    | bytes/s    |
| token           | 2 FLOP per weight of the layers                            | FLOP/s     |
| context         | bytes of one token's keys and values                       | bytes/s    |
| decode request  | a tile of context in every layer and KV head (tokens read  | bytes/s    |
|                 | beyond those there are), 2 FLOP per weight of the head,    | FLOP/s     |
|                 | and the logits written and read                            | bytes/s    |
| beside request  | another such tile: attention made for prompts              | bytes/s    |
| attention       | 4 FLOP per layer, head and width, for each pair of tokens  | FLOP/s     |
| overhead        | gaps between kernels: layers, and a part once a step       | -          |
| floors of steps | the CPU's work: the same for one CUDA graph; by layers     | -          |
| with prefill    | where launches are by layers                               |            |
| start, arrival, delivery, floor of a decode step | the CPU's work: the same  | -          |

So for the reference itself the estimate is the measurement. Tensor parallelism divides weights,
heads and FLOP, and adds two all-reduces a layer.
"""

from __future__ import annotations

import msgspec

from scalecert.documents import API_VERSION
from scalecert.engines.catalog import Accelerator, load_accelerator, load_model
from scalecert.engines.costs import StepCosts
from scalecert.engines.profiles import (
    AcceleratorCount,
    EngineLimits,
    EngineProfile,
    Memory,
    Metadata,
    ModelShape,
    ProfileErrors,
    ProfileSpec,
    Provenance,
    RelativeError,
    Startup,
    kv_room_tokens,
    load_profile,
)
from scalecert.errors import UsageError

REFERENCE = "vllm_llama-2-7b_h200"
"""The measured profile that efficiencies are taken from."""
ENGINE_VERSION = "0.33.0"
"""vLLM's version whose defaults the limits are."""
ASSUMED_ERROR = 0.30
GRAPHED_LAUNCH_SECONDS = 6.0e-3
EAGER_LAUNCH_SECONDS = 12.4e-3
"""Launch of a step with prefill by the CPU, with graphs between the layers' attention and without
any, read off the step log of the reference under load (from its schedule until the result of the
light step before, which was ready, is read). What they take beyond the launch of a decode step,
which is one graph, is by layers."""
STEP_OVERHEAD_SECONDS = 0.2e-3
"""The part of the overhead that is beside the layers: inputs, head, sampler. Assumed."""
LOGIT_BYTES = 12
"""Moved for every word of the vocabulary and sampled token: bfloat16 and float32 logits, each
written and read once."""
ALL_REDUCE_SECONDS = 12e-6
"""Latency of one all-reduce between accelerators of a node, assumed."""
LOAD_BYTES_PER_SECOND = 450e6
"""Weights from storage to accelerator, and `ENGINE_START_SECONDS` for everything else: together
the 70 s that scenarios take for a 7B model."""
ENGINE_START_SECONDS = 40.0
FIXED_BYTES = 350_000_000
ACTIVATION_BYTES_PER_WIDTH = 8
"""Peak activations of a token per unit of the MLP's width, as the reference's KV room shows."""


def estimate(model: str, accelerator: str, *, count: int = 1) -> EngineProfile:
    """Return the estimated vLLM profile of a model on `count` accelerators.

    Args:
        model: a shipped shape's name or a file's path (`scalecert.engines.catalog`).
        accelerator: likewise.
        count: accelerators per replica, tensor parallel.

    Raises:
        UsageError: if there is no such model or accelerator, the model does not divide by
            `count`, or its weights leave no room for a KV cache.
    """
    return estimate_profile(load_model(model), load_accelerator(accelerator), count=count)


def estimate_profile(
    model: ModelShape, accelerator: Accelerator, *, count: int = 1
) -> EngineProfile:
    """Return the estimated vLLM profile of a shape; see `estimate`."""
    if count < 1 or model.heads % count:
        hint = f"a divisor of the model's {model.heads} attention heads"
        raise UsageError(f"found {count} accelerators per replica", field="count", hint=hint)
    name = f"{accelerator.name}-x{count}" if count > 1 else accelerator.name
    limits = _default_limits(model, accelerator)
    spec = ProfileSpec(
        engine="vllm",
        engine_version=ENGINE_VERSION,
        model=model,
        accelerator=AcceleratorCount(accelerator.name, count),
        costs=estimate_costs(model, accelerator, count=count),
        limits=limits,
        memory=_memory(model, accelerator, count),
        errors=_assumed_errors(),
        startup=_startup(model),
        price=msgspec.structs.replace(
            accelerator.price, per_hour=round(accelerator.price.per_hour * count, 4)
        ),
        provenance=Provenance(
            kind="estimated",
            what=f"vLLM, {model.name} in {model.dtype}",
            where=f"{count} x {accelerator.name}",
            when=load_profile(REFERENCE).spec.provenance.when,
            source=f"roofline with the efficiencies of {REFERENCE}; {accelerator.source}",
        ),
    )
    profile = EngineProfile(
        API_VERSION, "EngineProfile", Metadata(f"vllm_{model.name}_{name}"), spec
    )
    return _with_kv_room(profile)


def estimate_costs(model: ModelShape, accelerator: Accelerator, *, count: int = 1) -> StepCosts:
    """Return the step costs of a shape on an accelerator, by the table above."""
    reference = load_profile(REFERENCE).spec
    known = load_accelerator(reference.accelerator.name)
    costs, shape = reference.costs, reference.model
    bytes_slower = known.bytes_per_second / accelerator.bytes_per_second / count
    flops = accelerator.flops_per_second * accelerator.sustained_share
    flops_slower = known.flops_per_second * known.sustained_share / flops / count
    layers = model.layers / shape.layers
    kv_ratio = model.kv_bytes_per_token / shape.kv_bytes_per_token
    heads_split = max(count / model.kv_heads, 1.0)
    context = costs.context_seconds * kv_ratio * bytes_slower * heads_split
    compute_per_weight = costs.token_seconds / shape.layer_weights
    tiles = _tile_tokens(costs, shape, known)
    reduce_latency, reduce_token = _all_reduce(model, accelerator, count)
    token = compute_per_weight * model.layer_weights * flops_slower + reduce_token
    head = compute_per_weight * model.head_weights * flops_slower
    overhead = costs.overhead_seconds - STEP_OVERHEAD_SECONDS
    estimated = StepCosts(
        weights_seconds=costs.weights_seconds * _streamed(model) / _streamed(shape) * bytes_slower,
        token_seconds=token,
        blend=costs.blend,
        overhead_seconds=overhead * layers + STEP_OVERHEAD_SECONDS + reduce_latency,
        decode_request_seconds=tiles * context + head + _logit_seconds(model, accelerator, count),
        context_seconds=context,
        beside_request_seconds=costs.beside_request_seconds / costs.context_seconds * context,
        attention_seconds=costs.attention_seconds * _pair_work(model, shape) * flops_slower,
        step_floor_seconds=costs.step_floor_seconds,
        floor_request_seconds=costs.floor_request_seconds,
        ungraphed_seconds=costs.ungraphed_seconds * layers,
        start_seconds=costs.start_seconds,
        arrival_seconds=costs.arrival_seconds,
        arrival_request_seconds=costs.arrival_request_seconds,
        delivery_seconds=costs.delivery_seconds,
        delivery_request_seconds=costs.delivery_request_seconds,
    )
    return _rounded(_with_launch_floors(estimated, model.layers, costs, shape.layers))


def efficiencies() -> dict[str, float]:
    """Return what the reference reaches of its accelerator's peaks, by kind of work.

    `weights` and `context` are shares of the bandwidth, `compute` and `attention` of the FLOP/s,
    `tile_tokens` the tokens of context that a decoding request reads beyond its own.
    """
    reference = load_profile(REFERENCE).spec
    costs, shape = reference.costs, reference.model
    peak = load_accelerator(reference.accelerator.name)
    pair_flop = 4 * shape.layers * shape.heads * shape.head_width
    return {
        "weights": _streamed(shape) / costs.weights_seconds / peak.bytes_per_second,
        "context": shape.kv_bytes_per_token / costs.context_seconds / peak.bytes_per_second,
        "compute": 2 * shape.layer_weights / costs.token_seconds / peak.flops_per_second,
        "attention": pair_flop / costs.attention_seconds / peak.flops_per_second,
        "tile_tokens": _tile_tokens(costs, shape, peak),
    }


def _tile_tokens(costs: StepCosts, shape: ModelShape, accelerator: Accelerator) -> float:
    """Return the tokens of context that a decoding request reads beyond its own."""
    head = costs.token_seconds * shape.head_weights / shape.layer_weights
    head += _logit_seconds(shape, accelerator, 1)
    return (costs.decode_request_seconds - head) / costs.context_seconds


def _logit_seconds(model: ModelShape, accelerator: Accelerator, count: int) -> float:
    """Return the seconds in which the logits of one token are written and read."""
    return LOGIT_BYTES * model.vocabulary / accelerator.bytes_per_second / count


def _with_launch_floors(
    estimated: StepCosts, layers: int, costs: StepCosts, known_layers: int
) -> StepCosts:
    """Return costs with the floors of steps that prefill, relative to those of the reference.

    The CPU launches a step while the one before runs: what that takes longer than its own launch
    is what the CPU is ahead by.
    """
    known_slack, slack = (
        max(one.decode_coefficients(1)[0] - one.step_floor_seconds, 0.0)
        for one in (costs, estimated)
    )
    base = costs.step_floor_seconds
    graphed, eager = (
        (launch - base) * (layers / known_layers - 1)
        for launch in (GRAPHED_LAUNCH_SECONDS, EAGER_LAUNCH_SECONDS)
    )
    less = known_slack - slack
    return msgspec.structs.replace(
        estimated,
        prefill_floor_seconds=max(costs.prefill_floor_seconds + graphed + less, 0.0),
        eager_floor_seconds=max(costs.eager_floor_seconds + eager + less, 0.0),
        start_floor_seconds=max(costs.start_floor_seconds + graphed, 0.0),
    )


def _streamed(model: ModelShape) -> float:
    """Return the bytes of weights that a step reads; of the input embedding it reads rows."""
    return (model.layer_weights + model.head_weights) * model.bytes_per_weight


def _pair_work(model: ModelShape, shape: ModelShape) -> float:
    """Return the FLOP of attention between two tokens, relative to the reference's."""
    return (model.layers * model.heads * model.head_width) / (
        shape.layers * shape.heads * shape.head_width
    )


def _all_reduce(model: ModelShape, accelerator: Accelerator, count: int) -> tuple[float, float]:
    """Return (seconds a step, seconds a token) of two ring all-reduces in every layer."""
    if count == 1:
        return 0.0, 0.0
    reduced = 2 * model.layers
    moved = 2 * (count - 1) / count * model.hidden * model.bytes_per_weight
    return (
        reduced * ALL_REDUCE_SECONDS,
        reduced * moved / accelerator.interconnect_bytes_per_second,
    )


def _default_limits(model: ModelShape, accelerator: Accelerator) -> EngineLimits:
    """Return `vllm serve`'s defaults by accelerator (`vllm/engine/arg_utils.py`)."""
    gib = accelerator.memory_bytes / 2**30
    tokens, sequences = 2048, 256
    if gib >= 160:
        tokens, sequences = 16384, 1024
    elif gib >= 70 and not accelerator.name.startswith("a100"):
        tokens, sequences = 8192, 1024
    return EngineLimits(
        max_num_seqs=sequences,
        max_num_batched_tokens=tokens,
        max_model_len=model.max_context,
        kv_tokens=1,
    )


def _with_kv_room(profile: EngineProfile) -> EngineProfile:
    """Return the profile with the KV cache that its memory leaves.

    The context is cut to that room: vLLM refuses to start with more.
    """
    limits = profile.spec.limits
    room = kv_room_tokens(
        profile,
        gpu_memory_utilization=limits.gpu_memory_utilization,
        max_num_batched_tokens=limits.max_num_batched_tokens,
    )
    limits = msgspec.structs.replace(
        limits, kv_tokens=room, max_model_len=min(limits.max_model_len, room)
    )
    return msgspec.structs.replace(
        profile, spec=msgspec.structs.replace(profile.spec, limits=limits)
    )


def _memory(model: ModelShape, accelerator: Accelerator, count: int) -> Memory:
    return Memory(
        accelerator_bytes=accelerator.memory_bytes,
        weights_bytes=round(model.weight_bytes),
        fixed_bytes=FIXED_BYTES,
        activation_bytes_per_token=ACTIVATION_BYTES_PER_WIDTH * model.intermediate // count,
        kv_bytes_per_token=round(model.kv_bytes_per_token * max(count / model.kv_heads, 1.0)),
    )


def _assumed_errors() -> ProfileErrors:
    assumed = RelativeError(ASSUMED_ERROR, "assumed")
    return ProfileErrors(prefill=assumed, decode=assumed, startup=assumed)


def _startup(model: ModelShape) -> Startup:
    seconds = ENGINE_START_SECONDS + model.weight_bytes / LOAD_BYTES_PER_SECOND
    note = f"{ENGINE_START_SECONDS:g} s and the weights at {LOAD_BYTES_PER_SECOND / 1e6:g} MB/s"
    return Startup(round(seconds, 1), note)


def _rounded(costs: StepCosts) -> StepCosts:
    """Return costs with four digits: an estimate has no more, and files stay readable."""
    values = msgspec.structs.asdict(costs)
    del values["graph_tokens"]
    return msgspec.structs.replace(costs, **{k: float(f"{v:.4g}") for k, v in values.items()})
