"""From what a server has done to what its accelerators show: one pure function.

The quantities are those of the roofline (`scalecert.engines.roofline`), counted instead of timed:

    duty     busy seconds
    FLOP     2 x weights of the layers x tokens, over the peak
    DRAM     steps x streamed weights + context read x bytes of keys and values
             + tokens x activations, over the bandwidth
    SM       duty less the gaps between kernels, which are a step's overhead
    power    idle + a x DRAM + b x FLOP, up to the limit; beyond it the clock falls
    tensor   FLOP over the clock that is left

The constants are fitted to an H200 that served Llama-2-7B (fixtures/golden/vllm-h200: NVML and its
GPM counters); docs/accelerators.md has the errors. On other accelerators they are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import Activity, Limits
from scalecert.engines.catalog import Accelerator, accelerators
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.roofline import efficiencies
from scalecert.exporters.base import Maker, Reading, Readings

TENSOR_PER_FLOP = 1.6
"""Share of cycles with an active tensor pipe per share of the peak FLOP/s, at full clock."""
ACTIVATION_PASSES = 9.3
"""How often a token's activations (hidden and MLP width of each layer) go through memory."""
GAPS_PER_OVERHEAD = 1.7
"""Time without a warp on a mean SM, per overhead of a step (`StepCosts.overhead_seconds`)."""
COPY_PER_DRAM = 1.285
"""NVML's memory utilization (time with any access) per share of the bandwidth."""
IDLE_POWER, DRAM_POWER, FLOP_POWER = 0.18, 0.854, 2.086
"""Power as shares of the limit: of a server without requests, and what full DRAM traffic and all of
the peak FLOP/s would add."""
POWER_CEILING = 0.989
"""Share of its limit that a power-limited card draws."""
CLOCK_EXPONENT = 2.0
"""By which power of (ceiling / wanted power) the clock falls."""

_DEFAULT_POWER_LIMIT = 400.0
"""Watts, of an accelerator that no catalogue has."""
_UTILIZATION = 0.9
"""Share of the memory that a server takes at its start where its limits do not tell."""

_NOTHING = Activity(0.0, 0, 0, 0, 0)

Moment = tuple[float, Activity | None]
"""A look at a server: seconds, and its activity by then, None where it was not there."""


@dataclass(frozen=True, slots=True)
class Device:
    """The accelerators of one replica with the model that they hold; all of them do the same.

    Attributes:
        make: who makes it, as GKE's label says.
        model: what its driver calls it.
        count: of one replica.
        topology: of a TPU slice.
        flops_per_second: peak of one.
        bytes_per_second: peak bandwidth of one.
        memory_bytes: of one.
        power_limit_watts: of one.
        weights: of the model's layers.
        streamed_bytes: of weights that a step reads.
        token_bytes: of activations that a token moves.
        kv_bytes_per_token: keys and values of one token of context.
        gap_seconds: without a kernel in each step.
        resident_bytes: memory of all that does not follow the load, of all accelerators.
        kv_follows_load: whether the KV cache's memory is taken as it fills.
    """

    make: Maker
    model: str
    count: int
    topology: str
    flops_per_second: float
    bytes_per_second: float
    memory_bytes: int
    power_limit_watts: float
    weights: float
    streamed_bytes: float
    token_bytes: float
    kv_bytes_per_token: float
    gap_seconds: float
    resident_bytes: float
    kv_follows_load: bool

    def reading(
        self, before: Activity | None, after: Activity | None, window_seconds: float
    ) -> Reading:
        """Return what each accelerator showed over a window.

        Args:
            before: the server's at the window's start, None before it was there.
            after: at its end; None if no server holds the accelerators' memory yet.
            window_seconds: from the one to the other.
        """
        start, end = before or _NOTHING, after or _NOTHING
        seconds = max(window_seconds, 1e-9)
        steps, tokens = end.steps - start.steps, end.computed_tokens - start.computed_tokens
        context = end.context_read_tokens - start.context_read_tokens
        moved = steps * self.streamed_bytes + tokens * self.token_bytes
        moved += context * self.kv_bytes_per_token
        flop = 2.0 * self.weights * tokens
        duty = _share((end.busy_seconds - start.busy_seconds) / seconds)
        return self._shown(
            duty,
            gaps=steps * self.gap_seconds / seconds,
            dram=min(duty, moved / (self.count * self.bytes_per_second * seconds)),
            flop=min(duty, flop / (self.count * self.flops_per_second * seconds)),
            used=0.0 if after is None else self._used_bytes(after.held_tokens),
        )

    def readings(self, opening: Moment, last: Moment | None, now: Moment) -> Readings:
        """Return what each accelerator shows at a collection.

        Args:
            opening: the look at the start of the collector's short window.
            last: the look of the collection before, None if this is the first.
            now: the look of this collection.
        """
        since = last or opening
        return Readings(
            recent=self.reading(opening[1], now[1], now[0] - opening[0]),
            average=self.reading(since[1], now[1], now[0] - since[0]),
        )

    def steady(self, utilization: float) -> Reading:
        """Return the reading of an accelerator that works a constant share of the time.

        It is memory-bound then, as a server with few requests is.
        """
        return self._shown(
            utilization,
            gaps=0.0,
            dram=0.6 * utilization,
            flop=0.1 * utilization,
            used=_UTILIZATION * self.memory_bytes,
        )

    def _shown(self, duty: float, *, gaps: float, dram: float, flop: float, used: float) -> Reading:
        wanted = IDLE_POWER + DRAM_POWER * dram + FLOP_POWER * flop
        clock = min(1.0, POWER_CEILING / wanted) ** CLOCK_EXPONENT
        return Reading(
            duty=duty,
            sm_active=max(0.0, duty - gaps),
            tensor_active=min(duty, TENSOR_PER_FLOP * flop / clock),
            flop_share=flop,
            dram_active=dram,
            power_watts=min(POWER_CEILING, wanted) * self.power_limit_watts,
            memory_used_bytes=min(used, float(self.memory_bytes)),
            memory_total_bytes=float(self.memory_bytes),
        )

    def _used_bytes(self, held_tokens: int) -> float:
        """Return the memory of one accelerator that a server has taken."""
        of_load = held_tokens * self.kv_bytes_per_token if self.kv_follows_load else 0.0
        return (self.resident_bytes + of_load) / self.count


def device_of(profile: EngineProfile, limits: Limits, count: int) -> Device:
    """Return the accelerators of a replica.

    Args:
        profile: of the engine on them.
        limits: of the server, which say how much of a KV cache it takes.
        count: accelerators of a replica.
    """
    spec = profile.spec
    shape, memory = spec.model, spec.memory
    known = next((one for one in accelerators() if one.name == spec.accelerator.name), None)
    flops, bandwidth = _peaks(profile, known)
    tpu = (spec.accelerator.kind if known is None else known.kind) == "tpu"
    streamed = (shape.layer_weights + shape.head_weights) * shape.bytes_per_weight
    return Device(
        make="cloud-tpu" if tpu else "nvidia",
        model=known.product if known is not None and known.product else spec.accelerator.name,
        count=count,
        topology=_topology(count) if tpu else "",
        flops_per_second=flops,
        bytes_per_second=bandwidth,
        memory_bytes=memory.accelerator_bytes,
        power_limit_watts=known.power_limit_watts if known is not None else _DEFAULT_POWER_LIMIT,
        weights=float(shape.layer_weights),
        streamed_bytes=streamed,
        token_bytes=ACTIVATION_PASSES * 2.0 * shape.layers * (shape.hidden + shape.intermediate),
        kv_bytes_per_token=float(memory.kv_bytes_per_token),
        gap_seconds=GAPS_PER_OVERHEAD * spec.costs.overhead_seconds,
        resident_bytes=_resident_bytes(profile, limits, count),
        kv_follows_load=memory.kv_allocation == "with-load",
    )


def bare_device(accelerator: Accelerator, count: int) -> Device:
    """Return the accelerators of a node that nobody holds.

    Args:
        accelerator: of the catalogue.
        count: of the node.
    """
    tpu = accelerator.kind == "tpu"
    return Device(
        make="cloud-tpu" if tpu else "nvidia",
        model=accelerator.product or accelerator.name,
        count=count,
        topology=_topology(count) if tpu else "",
        flops_per_second=accelerator.flops_per_second,
        bytes_per_second=accelerator.bytes_per_second,
        memory_bytes=accelerator.memory_bytes,
        power_limit_watts=accelerator.power_limit_watts,
        weights=0.0,
        streamed_bytes=0.0,
        token_bytes=0.0,
        kv_bytes_per_token=0.0,
        gap_seconds=0.0,
        resident_bytes=0.0,
        kv_follows_load=False,
    )


def _peaks(profile: EngineProfile, known: Accelerator | None) -> tuple[float, float]:
    """Return FLOP/s and bytes/s; for a user's own accelerator, what its step costs imply."""
    if known is not None:
        return known.flops_per_second, known.bytes_per_second
    shape, costs, count = profile.spec.model, profile.spec.costs, profile.spec.accelerator.count
    share = efficiencies()
    streamed = (shape.layer_weights + shape.head_weights) * shape.bytes_per_weight
    return (
        2 * shape.layer_weights / costs.token_seconds / share["compute"] / count,
        streamed / costs.weights_seconds / share["weights"] / count,
    )


def _resident_bytes(profile: EngineProfile, limits: Limits, count: int) -> float:
    """Return the memory that a server holds whatever its load, of all accelerators together."""
    memory = profile.spec.memory
    weights = memory.weights_bytes + count * memory.fixed_bytes
    if memory.kv_allocation == "with-load":
        return float(weights)
    if "kv_tokens" in limits.values:
        return float(weights + limits.integer("kv_tokens") * memory.kv_bytes_per_token)
    return _UTILIZATION * memory.accelerator_bytes * count


def _topology(count: int) -> str:
    """Return the shape of a slice: 8 chips are 2x4, as near to a square as powers of two are."""
    rows = 1 << (count.bit_length() - 1) // 2
    return f"{rows}x{count // rows}"


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
