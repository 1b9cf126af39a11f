"""How long an answer is.

The router has the model server make up to 1,024 tokens; if that was not the end it puts the
request, grown by its answer so far, into the queue again, with the client's own `max_new_tokens`
anew (router/src/infer/mod.rs, generate_stream). So 1,025 new tokens are answered with 2,048, and
what has no room for a further segment ends with the one before.
"""

from __future__ import annotations

from scalecert.engines.tgi.scheduler_limits import SEGMENT_TOKENS, SchedulerLimits


def segment_tokens(input_tokens: int, max_new_tokens: int | None, limits: SchedulerLimits) -> int:
    """Return the most new tokens that are asked of the model server at once."""
    if max_new_tokens is None:
        max_new_tokens = max(limits.max_total_tokens - input_tokens, 0)
    return min(max_new_tokens, SEGMENT_TOKENS)


def longest_answer(input_tokens: int, max_new_tokens: int | None, limits: SchedulerLimits) -> int:
    """Return the tokens of an answer that the model itself never ends; 0 if it is not taken."""
    wanted = max_new_tokens
    if wanted is None:
        wanted = limits.max_total_tokens - input_tokens
    tokens = 0
    while tokens < wanted:
        prompt = input_tokens + tokens
        segment = segment_tokens(prompt, max_new_tokens, limits)
        if prompt + segment > limits.max_total_tokens or prompt > limits.max_input_tokens:
            break
        tokens += segment
    return min(tokens, limits.longest_request - input_tokens)
