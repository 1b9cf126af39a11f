"""`/tokenize` and `/detokenize` (vllm/entrypoints/serve/tokenize/)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import msgspec

from mock_servers.serving import tokenizer
from mock_servers.serving.http import Exchange
from mock_servers.serving.pydantic_fields import MISSING, Fields, boolean, bounded, text
from mock_servers.vllm.asked import Prompt
from mock_servers.vllm.chat_request import Message, chat_prompt, check_text_only, read_messages
from mock_servers.vllm.refusals import refuse_problems
from mock_servers.vllm.server import Server, read_object

_LARGEST = 2**63 - 1
_ALL_IDS = tuple[Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)], ...]


async def tokenize(server: Server, exchange: Exchange) -> None:
    """Answer with the tokens of a text or of a chat."""
    fields = await read_object(exchange)
    given = _given(fields)
    model = fields.maybe("model", text)
    shows_texts = bool(fields.maybe("return_token_strs", boolean))
    refuse_problems(fields)
    server.check_model(model)
    if not isinstance(given, str):
        check_text_only(fields, server.backend.model_name)
    prompt = Prompt(given) if isinstance(given, str) else chat_prompt(given)
    ids = prompt.ids
    answer = {
        "count": len(ids),
        "max_model_len": server.context,
        "tokens": ids,
        "token_strs": prompt.pieces if shows_texts else None,
    }
    await exchange.reply(200, msgspec.json.encode(answer))


async def detokenize(server: Server, exchange: Exchange) -> None:
    """Answer with the text of tokens."""
    fields = await read_object(exchange)
    ids = _ids(fields)
    model = fields.maybe("model", text)
    refuse_problems(fields)
    server.check_model(model)
    said = "".join(tokenizer.word(ident) for ident in ids)
    await exchange.reply(200, msgspec.json.encode({"prompt": said}))


def _ids(fields: Fields) -> Sequence[int]:
    """Return the ids that are given; long lists of nothing but ids are read at once."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(fields.given.get("tokens"), _ALL_IDS)
    return fields.listed("tokens", bounded(0, _LARGEST), required=True)


def _given(fields: Fields) -> str | list[Message]:
    """Return the text or the chat that is given; what is wrong with it is noted."""
    if "prompt" not in fields.given and "messages" not in fields.given:
        fields.note(fields.given, MISSING, "prompt")
        fields.note(fields.given, MISSING, "messages")
        return ""
    if "prompt" in fields.given:
        return fields.read("prompt", text, "")
    return read_messages(fields)
