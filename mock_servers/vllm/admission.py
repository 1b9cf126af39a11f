"""From what is asked to what will be answered: the checks between, in the real server's order.

The model, the engine's health and its queue, the length of the prompt, the sampling parameters
(vllm/entrypoints/openai/completion/serving.py, vllm/renderers/params.py). A few things only the
engine's side sees, which for a stream is after its answer has begun (v1/engine/input_processor.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mock_servers.serving.tokenizer import VOCABULARY
from mock_servers.vllm.answer import Answer, most_tokens, plan_answer
from mock_servers.vllm.asked import Asked, Prompt
from mock_servers.vllm.refusals import RefusalError, invalid
from mock_servers.vllm.sampling import MOST_CHOICES
from mock_servers.vllm.server import Server

MOST_TOKEN_CHARACTERS = 16
"""Of a token of Llama 2's vocabulary: what longer texts than the context are told by."""
MOST_SHOWN = 1 << 21
"""Tokens that all choices of an answer may show together, with the candidates beside each."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What will be answered to a request.

    Attributes:
        asked: the request, its prompts as long as they are computed.
        answers: of each prompt, its choices.
        bounds: of each prompt, the tokens that its choices may have.
        late: the refusal that a stream is told in its first event; None if there is none.
    """

    asked: Asked
    answers: tuple[tuple[Answer, ...], ...]
    bounds: tuple[int, ...]
    late: RefusalError | None


def admit(server: Server, asked: Asked) -> None:
    """Refuse a request for the model it names, or for the queue.

    Raises:
        RefusalError: for either.
    """
    server.check_model(asked.model)
    refusal = None if server.backend.ending else server.ledger.refusal(asked.sampling.n)
    if refusal is not None:
        raise refusal


def plan(server: Server, asked: Asked) -> Planned:
    """Return what will be answered.

    Raises:
        RefusalError: for what the API server refuses.
    """
    context = server.context
    _check_bounds(asked, context)
    asked = replace(asked, prompts=tuple(_fitted(asked, one, context) for one in asked.prompts))
    bounds = tuple(most_tokens(asked, context - one.tokens) for one in asked.prompts)
    for bound in bounds:
        asked.sampling.check(1 if asked.shows_only_the_prompt else bound)
    late = asked.sampling.late_refusal() or next(filter(None, map(_late, asked.prompts)), None)
    if asked.shows_only_the_prompt:
        bounds = tuple(1 for _ in bounds)
    if late is not None:
        return Planned(asked, (), bounds, late)
    _check_size(asked, bounds)
    return Planned(asked, _answers(server, asked, bounds), bounds, None)


def _check_size(asked: Asked, bounds: tuple[int, ...]) -> None:
    """Refuse what would make the server large: a limit of our own, as vLLM takes anything."""
    choices = len(bounds) * asked.sampling.n
    if choices > MOST_CHOICES:
        raise RefusalError(f"This server gives at most {MOST_CHOICES} choices, {choices} asked.")
    echoed = sum(prompt.tokens for prompt in asked.prompts) if asked.echo else 0
    bounded = asked.max_tokens is not None or asked.sampling.ignore_eos
    beside = 1 + max(asked.sampling.logprobs or 0, 0)
    shown = asked.sampling.n * (echoed + (sum(bounds) if bounded else 0)) * beside
    if shown > MOST_SHOWN:
        raise RefusalError(
            f"This server shows at most {MOST_SHOWN} tokens in an answer, {shown} asked: those of"
            " all choices, of echoed prompts, and the candidates beside each."
        )


def _answers(
    server: Server, asked: Asked, bounds: tuple[int, ...]
) -> tuple[tuple[Answer, ...], ...]:
    usual = server.backend.given.answer_tokens if asked.max_tokens is None else None
    return tuple(
        tuple(
            plan_answer(prompt, choice, asked.sampling, most_tokens=bound, usual_tokens=usual)
            for choice in range(asked.sampling.n)
        )
        for prompt, bound in zip(asked.prompts, bounds, strict=True)
    )


def _check_bounds(asked: Asked, context: int) -> None:
    """Refuse lengths that no prompt could make fit."""
    name, most = asked.max_tokens_name, asked.max_tokens
    if most is not None and most > context:
        raise invalid(
            f"{name}={most} cannot be greater than max_model_len={context}. Please request fewer"
            " output tokens.",
            name,
            most,
        )
    kept = asked.manner.truncate
    if kept is not None and kept > context:
        raise invalid(
            f"truncate_prompt_tokens={kept} cannot be greater than max_model_len = {context}."
            " Please request a smaller truncation size.",
            "truncate_prompt_tokens",
            kept,
        )


def _fitted(asked: Asked, prompt: Prompt, context: int) -> Prompt:
    """Return a prompt as long as it is computed."""
    kept = asked.manner.truncate
    if kept is not None:
        return prompt.cut(context - 1 if kept < 0 else kept, asked.manner.truncate_side)
    characters = context * MOST_TOKEN_CHARACTERS
    if prompt.text is not None and len(prompt.text) > characters:
        raise invalid(
            f"This model's maximum context length is {context} tokens. However, your prompt"
            f" contains {len(prompt.text)} characters (more than {characters} characters, which is"
            f" the upper bound for {context} input tokens). Please reduce the length of the input"
            " prompt.",
            "input_text",
            len(prompt.text),
        )
    # The tokenizer stops one token beyond the context.
    tokens = prompt.tokens if prompt.text is None else min(prompt.tokens, context + 1)
    if tokens > context:
        least = "at least " if tokens == context + 1 else ""
        raise invalid(
            f"This model's maximum context length is {context} tokens. However, your prompt"
            f" contains {least}{tokens} input tokens, which exceeds this limit even without any"
            " output tokens. Please reduce the length of the input prompt.",
            "input_tokens",
            tokens,
        )
    return prompt


def _late(prompt: Prompt) -> RefusalError | None:
    """Return the refusal of a prompt that only the engine's side sees."""
    if not prompt.tokens:
        return invalid("The decoder prompt cannot be empty")
    largest = max(prompt.given_ids, default=0)
    if largest >= VOCABULARY:
        return invalid(f"Token id {largest} is out of vocabulary")
    return None
