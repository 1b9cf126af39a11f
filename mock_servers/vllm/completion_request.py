"""Requests to `/v1/completions` (vllm/entrypoints/openai/completion/protocol.py)."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec

from mock_servers.serving.pydantic_fields import (
    NO_LIST,
    NO_TEXT,
    Fields,
    WrongValueError,
    boolean,
    bounded,
    integer,
    text,
)
from mock_servers.vllm.asked import (
    Asked,
    Prompt,
    check_counts,
    check_stream_options,
    read_manner,
)
from mock_servers.vllm.refusals import RefusalError, invalid, refuse_problems, unsupported
from mock_servers.vllm.sampling import read_sampling

MAX_TOKENS = 16
"""Where a request does not say."""
MOST_PROMPTS = 1024
_ID = bounded(0)
_ALL_IDS = tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
"""What most lists of ids are, which are long: this is much faster."""


def read_completion(fields: Fields) -> Asked:
    """Return what a request asks.

    Raises:
        RefusalError: if it is none.
    """
    _check(fields)
    model = fields.maybe("model", text)
    prompts = _read_prompts(fields)
    echo = bool(fields.maybe("echo", boolean))
    logprobs = fields.maybe("logprobs", integer)
    max_tokens = fields.maybe("max_tokens", integer)
    sampling = read_sampling(fields, n=fields.read("n", integer, 1), logprobs=logprobs)
    manner = read_manner(fields)
    suffix = fields.maybe("suffix", text)
    wants_prompt = fields.maybe("prompt_logprobs", integer) is not None
    beams = fields.read("use_beam_search", boolean, default=False)
    refuse_problems(fields)
    _check_support(suffix, beams=beams, stream=manner.stream)
    return Asked(
        model=model,
        prompts=tuple(prompts),
        max_tokens=MAX_TOKENS if max_tokens is None else max_tokens,
        max_tokens_name="max_tokens",
        sampling=sampling,
        manner=manner,
        echo=echo,
        prompt_logprobs=wants_prompt or (echo and logprobs is not None),
    )


def _check(fields: Fields) -> None:
    """Check what vLLM checks before it reads the fields."""
    prompt = fields.given.get("prompt")
    if isinstance(prompt, list) and len(prompt) > MOST_PROMPTS and not _all_ids(prompt):
        raise invalid(
            f"prompt list length {len(prompt)} exceeds the maximum allowed count of"
            f" {MOST_PROMPTS}. To increase this limit, set the VLLM_MAX_COMPLETION_PROMPTS"
            " environment variable.",
            "prompt",
        )
    if fields.given.get("prompt_embeds"):
        raise unsupported("This server has no prompt embeddings.")
    if prompt is None or prompt == "":
        raise invalid("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")
    check_stream_options(fields)
    check_counts(fields, "logprobs")


def _check_support(suffix: str | None, *, beams: bool, stream: bool) -> None:
    if beams and stream:
        raise RefusalError("Streaming is not currently supported with beam search")
    if beams:
        raise unsupported("This server has no beam search.")
    if suffix is not None:
        raise RefusalError(
            "suffix is only supported for models with FIM completion rendering", param="suffix"
        )


def _read_prompts(fields: Fields) -> list[Prompt]:
    """Return the prompts: a text, ids, a list of texts, a list of ids."""
    value = fields.given["prompt"]
    if isinstance(value, str):
        return [Prompt(value)]
    if isinstance(value, list):
        texts = [one for one in value if isinstance(one, str)]
        if texts and len(texts) == len(value):
            return [Prompt(one) for one in texts]
        found = _ids(value) if value else None
        if found is not None:
            return [Prompt(None, found)]
        many = [_ids(one) if isinstance(one, list) else None for one in value]
        prompts = [Prompt(None, one) for one in many if one is not None]
        if len(prompts) == len(value):
            return prompts
    _note_prompt(fields, value)
    return []


def _all_ids(value: list[object]) -> bool:
    return all(isinstance(one, int) for one in value)


def _ids(value: list[object]) -> tuple[int, ...] | None:
    """Return token ids, None if these are none."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(value, _ALL_IDS)
    try:
        return tuple([_ID(one) for one in value])
    except WrongValueError:
        return None


def _note_prompt(fields: Fields, value: object) -> None:
    """Note what keeps a prompt from being ids, lists of ids, a text, texts."""
    if not isinstance(value, list):
        for wrong in (NO_LIST, NO_LIST, NO_TEXT, NO_LIST):
            fields.note(value, wrong, "prompt")
        return
    fields.listed("prompt", _ID)
    if fields.full:
        return
    given = {str(place): item for place, item in enumerate(value)}
    items = Fields(given, ("body", "prompt"), fields.problems)
    for name in items.given:
        if items.full:
            return
        items.listed(name, _ID)
    fields.note(value, NO_TEXT, "prompt")
    for name in items.given:
        items.maybe(name, text)
