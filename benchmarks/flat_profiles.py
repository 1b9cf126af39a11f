"""Engine profiles for measuring servers: every step takes equally long, and nobody ever waits.

So the gap between two tokens is the same for every stream however many there are, and whatever else
is seen at a client is the server's doing.
"""

from __future__ import annotations

import msgspec

from scalecert.engines.costs import StepCosts
from scalecert.engines.profiles import EngineProfile, load_profile

_ROOM_TOKENS = 1_000_000
_CONTEXT_TOKENS = 1024
_PROMPT_TOKENS = 512
_KV_BYTES = 1024
"""Of a token: so few that there is room for all of them."""
_SHIPPED = {
    "vllm": "vllm_llama-2-7b_l4",
    "tgi": "tgi_llama-2-7b_l4",
    "jetstream": "jetstream_llama-2-7b_v5e",
}
"""What the rest is taken from: nothing of it matters here."""


def flat_profile(engine: str, *, step_seconds: float, sequences: int) -> EngineProfile:
    """Return a profile whose steps take `step_seconds` with up to `sequences` requests at once.

    Where prefill and decode are steps of their own (JetStream) prefill takes next to no time.
    """
    shipped = load_profile(_SHIPPED[engine])
    limits, alone = (
        {
            "vllm": _vllm_limits(sequences),
            "tgi": _tgi_limits(sequences),
            "jetstream": _jetstream_limits(sequences),
        }[engine],
        engine == "jetstream",
    )
    costs = StepCosts(
        weights_seconds=1e-6,
        token_seconds=1e-9,
        step_floor_seconds=step_seconds,
        prefill_floor_seconds=0.0 if alone else step_seconds,
        eager_floor_seconds=0.0 if alone else step_seconds,
    )
    spec = msgspec.structs.replace(
        shipped.spec,
        costs=costs,
        limits=shipped.spec.limits | limits,
        memory=msgspec.structs.replace(shipped.spec.memory, kv_bytes_per_token=_KV_BYTES),
    )
    metadata = msgspec.structs.replace(shipped.metadata, name=f"flat-{engine}")
    return msgspec.structs.replace(shipped, spec=spec, metadata=metadata)


def _vllm_limits(sequences: int) -> dict[str, int]:
    return {
        "maxNumSeqs": sequences,
        "maxNumBatchedTokens": _ROOM_TOKENS,
        "maxModelLen": _CONTEXT_TOKENS,
        "kvTokens": _ROOM_TOKENS,
    }


def _tgi_limits(sequences: int) -> dict[str, int]:
    return {
        "maxConcurrentRequests": sequences,
        "maxBatchPrefillTokens": _ROOM_TOKENS,
        "maxBatchTotalTokens": _ROOM_TOKENS,
        "maxInputTokens": _PROMPT_TOKENS,
        "maxTotalTokens": _CONTEXT_TOKENS,
    }


def _jetstream_limits(sequences: int) -> dict[str, int]:
    return {
        "perDeviceBatchSize": sequences,
        "maxPrefillPredictLength": _PROMPT_TOKENS,
        "maxTargetLength": _CONTEXT_TOKENS,
    }
