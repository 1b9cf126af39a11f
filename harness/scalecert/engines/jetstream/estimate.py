"""An estimated profile of JetStream: the roofline's costs, with static shapes.

The efficiencies come from a GPU: nothing of it was measured on a TPU. What is JetStream's own: a
generate step computes every slot and reads the whole decode state, whatever of it is in use, so it
has no tiles of shorter contexts; steps are compiled ahead and dispatched several steps early, so
no launch holds them up. What network and front end take is the reference's. Where the weights as
they are leave no room for a slot, the estimate is of a server that quantizes (`QUANTIZED`), but
computes in bfloat16 still.
"""

from __future__ import annotations

from msgspec.structs import replace

from scalecert.engines.catalog import Accelerator
from scalecert.engines.costs import StepCosts
from scalecert.engines.jetstream.arguments import MAXTEXT_DEFAULTS
from scalecert.engines.jetstream.identity import LATEST
from scalecert.engines.jetstream.memory import slots_that_fit
from scalecert.engines.jetstream.profile_limits import JetStreamProfileLimits
from scalecert.engines.profiles import (
    AcceleratorCount,
    EngineProfile,
    Memory,
    Metadata,
    ModelShape,
    RelativeError,
)
from scalecert.engines.roofline import (
    check_count,
    efficiencies,
    estimate_costs,
    estimate_memory,
    estimated_profile,
    require_kind,
)
from scalecert.errors import UsageError

LONGEST_PROMPT = 1024
MAX_TARGET_LENGTH = 2048
"""As in the tutorials of GKE and MaxText; MaxText's own default takes prompts of 64 tokens."""
_LOGIT_BYTES = 4
"""Prefill computes the logits of every prompt token, in float32."""
QUANTIZED = "quantization=int8 quantize_kvcache=true"
"""MaxText's arguments for weights, keys and values in int8."""
QUANTIZED_ERROR = RelativeError(
    0.45, "assumed", "published int8 servers are up to 41 % slower: docs/fidelity.md"
)
WITH_LOAD = "hbm-with-load"
"""The name of the variant whose memory metrics follow the load."""


def estimate(model: ModelShape, accelerator: Accelerator, *, count: int) -> EngineProfile:
    """Return the estimated profile of a shape on `count` accelerators.

    Raises:
        UsageError: if the accelerator is no TPU, the model does not divide by `count`, or the
            memory has no room for its weights and one slot, quantized or not.
    """
    require_kind(accelerator, "tpu", "jetstream")
    check_count(model, count)
    for shape in (model, *_quantized(model)):
        memory = _memory(shape, accelerator, count)
        slots = slots_that_fit(
            memory,
            AcceleratorCount(accelerator.name, count),
            longest_prompt=LONGEST_PROMPT,
            max_target_length=MAX_TARGET_LENGTH,
        )
        if slots >= count:
            profile = _profile(shape, accelerator, count, memory, slots)
            return profile if shape is model else _said_to_quantize(profile)
    raise UsageError(
        f"{model.weight_bytes / 2**30:.1f} GiB of weights leave no room for a decode slot on each"
        f" of {count} x {accelerator.name}, in int8 neither",
        field="accelerator",
        hint="take a larger accelerator or more of them",
    )


def with_load(profile: EngineProfile) -> EngineProfile:
    """Return the variant of a profile whose KV memory is taken as requests come.

    Google's guide to autoscaling on TPUs says that HBM usage follows the load; the sources that
    were read (MaxEngine, PyTorchEngine) allocate the decode state once, which is the default.
    """
    spec = profile.spec
    said = f"{spec.provenance.source}; HBM that follows the load as GKE's guide to autoscaling says"
    return replace(
        profile,
        metadata=Metadata(f"{profile.name}_{WITH_LOAD}"),
        spec=replace(
            spec,
            memory=replace(spec.memory, kv_allocation="with-load"),
            provenance=replace(spec.provenance, source=said),
        ),
    )


def _quantized(model: ModelShape) -> tuple[ModelShape, ...]:
    """Return a 16-bit shape with weights, keys and values in int8; nothing for another."""
    if model.dtype not in {"bfloat16", "float16"}:
        return ()
    return (replace(model, dtype="int8", bytes_per_kv=1.0),)


def _said_to_quantize(profile: EngineProfile) -> EngineProfile:
    """Return a profile that says with which arguments its server runs, and how far off it may be.

    Half the bytes are taken for half the time, which published servers do not reach.
    """
    spec = profile.spec
    said = replace(spec.provenance, what=f"{spec.provenance.what}: {QUANTIZED}")
    errors = replace(spec.errors, decode=QUANTIZED_ERROR)
    return replace(profile, spec=replace(spec, provenance=said, errors=errors))


def _memory(model: ModelShape, accelerator: Accelerator, count: int) -> Memory:
    memory = estimate_memory(model, accelerator, count=count)
    logits = _LOGIT_BYTES * model.vocabulary // count
    activations = memory.activation_bytes_per_token + logits
    return replace(memory, activation_bytes_per_token=activations)


def _profile(
    model: ModelShape, accelerator: Accelerator, count: int, memory: Memory, slots: int
) -> EngineProfile:
    most = float(MAXTEXT_DEFAULTS["per_device_batch_size"])
    return estimated_profile(
        "jetstream",
        LATEST,
        model,
        accelerator,
        count=count,
        costs=_costs(model, accelerator, count),
        memory=memory,
        limits=JetStreamProfileLimits(
            per_device_batch_size=min(float(slots // count), most),
            max_prefill_predict_length=LONGEST_PROMPT,
            max_target_length=MAX_TARGET_LENGTH,
        ),
    )


def _costs(model: ModelShape, accelerator: Accelerator, count: int) -> StepCosts:
    """Return the roofline's costs without what a CUDA server's CPU adds, and without tiles."""
    costs = estimate_costs(model, accelerator, count=count)
    tiles = efficiencies()["tile_tokens"] * costs.context_seconds
    return replace(
        costs,
        decode_request_seconds=float(f"{costs.decode_request_seconds - tiles:.4g}"),
        beside_request_seconds=0.0,
        step_floor_seconds=0.0,
        floor_request_seconds=0.0,
        prefill_floor_seconds=0.0,
        eager_floor_seconds=0.0,
        ungraphed_seconds=0.0,
        start_floor_seconds=0.0,
    )
