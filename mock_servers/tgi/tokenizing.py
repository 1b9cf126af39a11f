"""/tokenize and /chat_tokenize: the tokens of a text, and where they stand in it, in bytes."""

from __future__ import annotations

import msgspec

from mock_servers.serving import tokenizer
from mock_servers.serving.http import Exchange
from mock_servers.tgi.bodies import ChatRequest, GenerateRequest
from mock_servers.tgi.body_reading import read_body
from mock_servers.tgi.chat import generate_request
from mock_servers.tgi.router import Router


class TokenizingApi:
    """The handlers.

    Args:
        router: that counts; /tokenize is nobody's request.
    """

    def __init__(self, router: Router) -> None:
        self._router = router

    async def tokenize(self, exchange: Exchange) -> None:
        """Answer POST /tokenize."""
        request = await read_body(exchange, GenerateRequest)
        await exchange.reply(200, msgspec.json.encode(_tokens(request.inputs)))

    async def chat_tokenize(self, exchange: Exchange) -> None:
        """Answer POST /chat_tokenize."""
        chat = await read_body(exchange, ChatRequest)
        self._router.counts.requests += 1
        text = generate_request(chat).inputs
        body = {"tokenize_response": _tokens(text), "templated_text": text}
        await exchange.reply(200, msgspec.json.encode(body))


def _tokens(text: str) -> list[dict[str, object]]:
    tokens: list[dict[str, object]] = []
    start = 0
    for token in tokenizer.split(text):
        stop = start + len(token.encode())
        ident = tokenizer.token_id(token)
        tokens.append({"id": ident, "text": token, "start": start, "stop": stop})
        start = stop
    return tokens
