"""Step costs: how long one forward pass of an engine takes, given what is in the batch.

The engines' stepping relies on two facts only, whatever the formula's parameters are: a step that
only decodes costs `fixed(B) + per_context(B) * C` for a batch of B requests with C tokens of
context in all, so that consecutive steps of one batch have a closed form; and a step with prefill
is asked for once per step by `mixed_seconds`. The parameters come from an engine profile, fitted
to a measurement (`tools/fit_profile.py`) or estimated (`scalecert.engines.roofline`).
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from scalecert.documents import DocumentPart

LARGEST_GRAPH_TOKENS = 512
"""vLLM captures no larger CUDA graph by default."""

PREFILL_COSTS = (
    "token_seconds", "prefill_request_seconds", "attention_seconds", "prefill_floor_seconds",
    "eager_floor_seconds", "ungraphed_seconds", "start_seconds", "start_floor_seconds",
    "arrival_seconds", "arrival_request_seconds",
)  # fmt: skip
"""What a first token waits for: the costs that a profile's `prefill` error is about."""

DECODE_COSTS = (
    "weights_seconds", "overhead_seconds", "decode_request_seconds", "context_seconds",
    "beside_request_seconds", "step_floor_seconds", "floor_request_seconds", "delivery_seconds",
    "delivery_request_seconds",
)  # fmt: skip
"""What every further token waits for: the costs that a profile's `decode` error is about."""


class StepCosts(DocumentPart, frozen=True, kw_only=True, dict=True):
    """Parameters of the step time; every field is in seconds, but `blend` and `graph_tokens`.

    A step takes a blend of two bounds that hold together, streaming the weights once and
    computing on every token, plus terms that add to either:

        bounds(T) = (weights**blend + (token * T)**blend)**(1/blend) + overhead
        decode    = bounds(B) + decode_request * B + context * C
        mixed     = bounds(P + B) + (decode_request + beside_request) * B + context * C
                    + prefill_request * chunks + attention * (sum of n * (computed_before + n/2))

    for B decoding requests with C tokens of context and P prompt tokens. `blend` is
    dimensionless: 1 adds the two bounds, infinity takes the larger. The floors are the CPU's part
    where it is the slower one: small models on fast accelerators, and after an idle time.
    """

    weights_seconds: float
    """Streaming all weights from memory once."""
    token_seconds: float
    """Computing on one token, attention aside."""
    blend: float = 4.0
    overhead_seconds: float = 0.0
    """What every step pays: kernel launches and gaps, sampling, what is not hidden."""
    decode_request_seconds: float = 0.0
    """What every decoding request adds: attention works in tiles, of which each has at least one
    per layer and KV head."""
    context_seconds: float = 0.0
    """Reading the keys and values of one context token."""
    beside_request_seconds: float = 0.0
    """What a decoding request costs more in a step that also prefills, where attention runs in
    tiles made for prompts."""
    prefill_request_seconds: float = 0.0
    """What every prompt chunk adds."""
    attention_seconds: float = 0.0
    """Attention of one prompt token to one earlier token."""
    step_floor_seconds: float = 0.0
    """The least that a decode step takes: the CPU schedules, launches and updates it meanwhile."""
    floor_request_seconds: float = 0.0
    """What every request of a step adds to its floor."""
    prefill_floor_seconds: float = 0.0
    """The least that a step with prefill takes: its launch, as far as the step before does not
    hide it."""
    eager_floor_seconds: float = 0.0
    """The same beyond the largest CUDA graph, where kernels are launched one by one."""
    graph_tokens: int = 0
    """Largest step that runs as a captured CUDA graph, where few sequences make that matter
    (`with_sequences`); 0 where it does not."""
    ungraphed_seconds: float = 0.0
    """What a step with prefill beyond `graph_tokens` adds: its kernels are launched one by one,
    and are too small to hide that."""
    start_seconds: float = 0.0
    """What the first step after an idle time adds: no step before hides its launch."""
    start_floor_seconds: float = 0.0
    """The least that such a step takes: its result is read after the next one's launch, too."""
    arrival_seconds: float = 0.0
    """From the client's send to the scheduler's queue: network, HTTP, tokenizer."""
    arrival_request_seconds: float = 0.0
    """The part of it that the API server spends on one request after the other, so that requests
    reach the queue at least so far apart; at most `arrival_seconds`."""
    delivery_seconds: float = 0.0
    """From a step's end to its tokens at the client: detokenizer, HTTP, network."""
    delivery_request_seconds: float = 0.0
    """What every other request of the step adds to that for a first token: the server writes them
    one by one, the newest last. A last token is in the middle of them on average."""

    def with_sequences(self, max_num_seqs: int) -> StepCosts:
        """Return the costs of a server with that limit, which decides the sizes of its graphs.

        vLLM captures graphs of up to min(2 * max_num_seqs, 512) tokens
        (`vllm/config/vllm.py`, _set_cudagraph_sizes). Steps beyond 512 hide their launch behind
        the work of as many tokens, so nothing is added where that is the limit.
        """
        captured = 2 * max_num_seqs
        graph_tokens = captured if captured < LARGEST_GRAPH_TOKENS else 0
        return msgspec.structs.replace(self, graph_tokens=graph_tokens)

    def scaled(self, *, prefill: float, decode: float) -> StepCosts:
        """Return the costs of a server that is slower by these factors; 1.3 is 30 % slower."""
        factors = dict.fromkeys(PREFILL_COSTS, prefill) | dict.fromkeys(DECODE_COSTS, decode)
        changed = {name: getattr(self, name) * factor for name, factor in factors.items()}
        return msgspec.structs.replace(self, **changed)

    def slowed(self, times: float) -> StepCosts:
        """Return the costs of a server whose steps take so many times as long.

        What is before and after them, the network and the API server, takes what it took.
        """
        steps = self.scaled(prefill=times, decode=times)
        return msgspec.structs.replace(
            steps,
            arrival_seconds=self.arrival_seconds,
            arrival_request_seconds=self.arrival_request_seconds,
            delivery_seconds=self.delivery_seconds,
            delivery_request_seconds=self.delivery_request_seconds,
        )

    def decode_coefficients(self, batch: int) -> tuple[float, float]:
        """Return (seconds, seconds per context token) of a decode step with `batch` requests."""
        fixed, per_context = self.decode_tables(batch)
        return fixed[batch], per_context[batch]

    def decode_tables(self, largest_batch: int) -> tuple[list[float], list[float]]:
        """Return both coefficients as lists by batch size, up to `largest_batch` at least.

        The lists are shared and only ever grow; a stepping loop indexes them directly.
        """
        fixed, per_context = self._tables
        for batch in range(len(fixed), largest_batch + 1):
            fixed.append(self._bounds(batch) + self.decode_request_seconds * batch)
            per_context.append(self.context_seconds)
        return fixed, per_context

    def decode_floors(self, largest_batch: int) -> list[float]:
        """Return the least seconds of a decode step by batch size, up to `largest_batch`."""
        floor, request = self.step_floor_seconds, self.floor_request_seconds
        return [floor + request * batch for batch in range(largest_batch + 1)]

    def decode_seconds(self, batch: int, context: int) -> float:
        """Return the seconds of a decode step of `batch` requests with `context` tokens in all."""
        fixed, per_context = self.decode_coefficients(batch)
        floor = self.step_floor_seconds + self.floor_request_seconds * batch
        return max(fixed + per_context * context, floor)

    def mixed_seconds(
        self,
        prefill_tokens: int,
        prefill_attention: float,
        prefill_requests: int,
        decode_requests: int,
        decode_context: int,
    ) -> float:
        """Return the seconds of a step that prefills, with `decode_requests` decoding beside.

        Args:
            prefill_tokens: prompt tokens computed in this step, over all chunks.
            prefill_attention: sum over chunks of n * (tokens computed before + n / 2).
            prefill_requests: number of chunks.
            decode_requests: number of requests that decode one token.
            decode_context: tokens already computed of those, summed.
        """
        tokens = prefill_tokens + decode_requests
        seconds = (
            self._bounds(tokens)
            + (self.decode_request_seconds + self.beside_request_seconds) * decode_requests
            + self.context_seconds * decode_context
            + self.prefill_request_seconds * prefill_requests
            + self.attention_seconds * prefill_attention
        )
        eager = tokens > (self.graph_tokens or LARGEST_GRAPH_TOKENS)
        if eager and self.graph_tokens:
            seconds += self.ungraphed_seconds
        floor = self.eager_floor_seconds if eager else self.prefill_floor_seconds
        requests = prefill_requests + decode_requests
        return max(seconds, floor + self.floor_request_seconds * requests)

    def after_idle(self, seconds: float) -> float:
        """Return what a step of so many `seconds` takes if nothing ran before it."""
        return max(seconds + self.start_seconds, self.start_floor_seconds)

    @cached_property
    def _tables(self) -> tuple[list[float], list[float]]:
        """Both lists of `decode_tables`, which fills them as far as they are asked for."""
        return [], []

    def _bounds(self, tokens: int) -> float:
        """Return the blend of both bounds for a step on `tokens` tokens, overhead included."""
        compute = self.token_seconds * tokens
        blended: float = (self.weights_seconds**self.blend + compute**self.blend) ** (
            1.0 / self.blend
        )
        return blended + self.overhead_seconds
