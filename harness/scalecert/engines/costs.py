"""Step costs: how long one forward pass of an engine takes, given what is in the batch.

The engines' stepping relies on two facts only, whatever the formula's parameters are: a step that
only decodes costs `fixed(B) + per_context(B) * C` for a batch of B requests with C tokens of
context in all, so that consecutive steps of one batch have a closed form; and a step with prefill
is asked for once per step by `mixed_seconds`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepCosts:
    """Parameters of the step time; every field is in seconds, but `blend`.

    A step takes a blend of two bounds that hold together, streaming the weights once and
    computing on every token, plus terms that add to either:

        (weights**blend + (token * tokens)**blend)**(1/blend) + overhead
            + decode_request * B + context * C
            + prefill_request * chunks + attention * (sum of n * (computed_before + n/2))

    `blend` is dimensionless: 1 adds the two bounds, infinity takes the larger.
    """

    weights_seconds: float
    """Streaming all weights from memory once."""
    token_seconds: float
    """Computing on one token, attention aside."""
    overhead_seconds: float = 0.0
    """What every step pays: launch, sampling, scheduling that is not hidden."""
    decode_request_seconds: float = 0.0
    """What every decoding request adds."""
    context_seconds: float = 0.0
    """Reading the keys and values of one context token."""
    prefill_request_seconds: float = 0.0
    """What every prompt chunk adds."""
    attention_seconds: float = 0.0
    """Attention of one prompt token to one earlier token."""
    blend: float = 4.0
    arrival_seconds: float = 0.0
    """From the client's send to the scheduler's queue: network, HTTP, tokenizer."""
    delivery_seconds: float = 0.0
    """From a step's end to its tokens at the client: detokenizer, HTTP, network."""
    _fixed: list[float] = field(default_factory=list, init=False, repr=False, compare=False)
    _per_context: list[float] = field(default_factory=list, init=False, repr=False, compare=False)

    def decode_coefficients(self, batch: int) -> tuple[float, float]:
        """Return (seconds, seconds per context token) of a decode step with `batch` requests."""
        fixed, per_context = self.decode_tables(batch)
        return fixed[batch], per_context[batch]

    def decode_tables(self, largest_batch: int) -> tuple[list[float], list[float]]:
        """Return both coefficients as lists by batch size, up to `largest_batch` at least.

        The lists are shared and only ever grow; a stepping loop indexes them directly.
        """
        for batch in range(len(self._fixed), largest_batch + 1):
            self._fixed.append(self._bounds(batch) + self.decode_request_seconds * batch)
            self._per_context.append(self.context_seconds)
        return self._fixed, self._per_context

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
        return (
            self._bounds(prefill_tokens + decode_requests)
            + self.decode_request_seconds * decode_requests
            + self.context_seconds * decode_context
            + self.prefill_request_seconds * prefill_requests
            + self.attention_seconds * prefill_attention
        )

    def _bounds(self, tokens: int) -> float:
        """Return the blend of both bounds for a step on `tokens` tokens, overhead included."""
        compute = self.token_seconds * tokens
        blended: float = (self.weights_seconds**self.blend + compute**self.blend) ** (
            1.0 / self.blend
        )
        return blended + self.overhead_seconds
