"""vLLM's API as an ASGI application."""

from __future__ import annotations

import msgspec

from mock_servers.serving import words
from mock_servers.serving.backend import Backend
from mock_servers.serving.http import TEXT, Exchange, Routes
from scalecert.engines.request_log import Status


def vllm_app(backend: Backend) -> Routes:
    """Return the API of a vLLM server."""

    async def health(exchange: Exchange) -> None:
        await exchange.reply(200 if backend.ready else 503)

    async def metrics(exchange: Exchange) -> None:
        lines = [
            f"{sample.name} {sample.value}"
            for _, samples in backend.families()
            for sample in samples
        ]
        await exchange.reply(200, "\n".join(lines).encode(), TEXT)

    async def completions(exchange: Exchange) -> None:
        asked = msgspec.json.decode(await exchange.body())
        prompt = asked["prompt"]
        (stream,) = backend.pacer.submit([(words.count(prompt), asked["max_tokens"])])
        answer = words.AnswerIds(prompt)
        async with exchange.watched(lambda: backend.pacer.cancel(stream)):
            await exchange.start_stream()
            sent = 0
            async for tokens in stream.counts():
                for index in range(sent, tokens):
                    text = words.word(answer[index])
                    body = {"choices": [{"index": 0, "text": text}]}
                    await exchange.write(b"data: " + msgspec.json.encode(body) + b"\n\n")
                sent = tokens
            await exchange.end(b"data: [DONE]\n\n" if stream.status is Status.OK else b"")

    async def unknown(exchange: Exchange) -> None:
        await exchange.reply(404, b'{"detail":"Not Found"}')

    return Routes(
        {
            "/health": {"GET": health},
            "/metrics": {"GET": metrics},
            "/v1/completions": {"POST": completions},
        },
        unknown=unknown,
        not_allowed=unknown,
        too_large=unknown,
        most_body_bytes=backend.given.most_body_bytes,
    )
