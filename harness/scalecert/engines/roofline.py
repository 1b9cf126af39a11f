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

from scalecert.documents import API_VERSION, DocumentPart
from scalecert.engines.catalog import (
    Accelerator,
    AcceleratorKind,
    accelerators,
    load_accelerator,
    load_model,
)
from scalecert.engines.costs import StepCosts
from scalecert.engines.profiles import (
    AcceleratorCount,
    EngineProfile,
    Memory,
    Metadata,
    ModelShape,
    ProfileErrors,
    ProfileSpec,
    Provenance,
    RelativeError,
    Startup,
    load_profile,
)
from scalecert.engines.registry import engine_kind
from scalecert.errors import UsageError

REFERENCE = "vllm_llama-2-7b_h200"
"""The measured profile that efficiencies are taken from."""
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


def estimate(engine: str, model: str, accelerator: str, *, count: int = 1) -> EngineProfile:
    """Return the estimated profile of an engine with a model on `count` accelerators.

    Args:
        engine: its name.
        model: a shipped shape's name or a file's path (`scalecert.engines.catalog`).
        accelerator: likewise.
        count: accelerators per replica, tensor parallel.

    Raises:
        UsageError: if there is no such model or accelerator, the model does not divide by
            `count`, its weights leave no room for a KV cache, or the engine does not run on the
            accelerator.
    """
    kind = engine_kind(engine)
    return kind.estimate(load_model(model), load_accelerator(accelerator), count=count)


def estimated_profile(
    engine: str,
    version: str,
    model: ModelShape,
    accelerator: Accelerator,
    *,
    count: int,
    costs: StepCosts,
    memory: Memory,
    limits: DocumentPart,
) -> EngineProfile:
    """Return the profile of an estimate: costs, memory and limits as they are given.

    Args:
        engine: its name.
        version: whose defaults the limits are.
        model: its shape.
        accelerator: of which a replica has `count`.
        count: accelerators per replica.
        costs: of a step (`estimate_costs`).
        memory: of a replica (`estimate_memory`).
        limits: as the engine's `profile_limits`.
    """
    name = f"{accelerator.name}-x{count}" if count > 1 else accelerator.name
    price = round(accelerator.price.per_hour * count, 4)
    spec = ProfileSpec(
        engine=engine,
        engine_version=version,
        model=model,
        accelerator=AcceleratorCount(accelerator.name, count, _own_kind(accelerator)),
        costs=costs,
        limits=msgspec.to_builtins(limits),
        memory=memory,
        errors=_assumed_errors(),
        startup=_startup(model),
        price=msgspec.structs.replace(accelerator.price, per_hour=price),
        provenance=Provenance(
            kind="estimated",
            what=f"{engine}, {model.name} in {model.dtype}",
            where=f"{count} x {accelerator.name}",
            when=load_profile(REFERENCE).spec.provenance.when,
            source=f"roofline with the efficiencies of {REFERENCE}; {accelerator.source}",
        ),
    )
    return EngineProfile(
        API_VERSION, "EngineProfile", Metadata(f"{engine}_{model.name}_{name}"), spec
    )


def _own_kind(accelerator: Accelerator) -> AcceleratorKind | msgspec.UnsetType:
    """Return what an accelerator is, unset where the shipped catalogue tells."""
    shipped = any(one.name == accelerator.name for one in accelerators())
    return msgspec.UNSET if shipped else accelerator.kind


def require_kind(accelerator: Accelerator, kind: AcceleratorKind, engine: str) -> None:
    """Refuse an accelerator that an engine is not built for.

    Raises:
        UsageError: unless it is of that kind.
    """
    if accelerator.kind != kind:
        found = f"{accelerator.name}, a {accelerator.kind.upper()}"
        others = ", ".join(one.name for one in accelerators() if one.kind == kind)
        raise UsageError(
            f"found {found}, but {engine} is modelled on {kind.upper()}s only",
            field="accelerator",
            hint=f"one of {others}",
        )


def check_count(model: ModelShape, count: int) -> None:
    """Refuse a number of accelerators that a model's attention heads can't be divided by.

    Raises:
        UsageError: then.
    """
    if count < 1 or model.heads % count:
        hint = f"a divisor of the model's {model.heads} attention heads"
        raise UsageError(f"found {count} accelerators per replica", field="count", hint=hint)


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


def estimate_memory(model: ModelShape, accelerator: Accelerator, *, count: int = 1) -> Memory:
    """Return what a replica's memory goes to, beside the KV cache."""
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
