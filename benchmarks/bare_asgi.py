"""The baseline of the mock servers: the least that an ASGI server does to stream events.

Usage: python benchmarks/bare_asgi.py PORT TOKENS GAP_SECONDS EVENT_BYTES

Every request but GET /health is answered by TOKENS server-sent events of EVENT_BYTES each, paced by
absolute time: a late event does not move the next one. There is no engine, no text and no metric.
An event that is late already still waits for its turn, so that no stream sends two at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {"type": "http.response.start", "status": 200}
LAST = {"type": "http.response.body", "body": b"", "more_body": False}


def application(tokens: int, gap_seconds: float, event: bytes) -> Callable[..., Awaitable[None]]:
    """Return the application that answers with `tokens` such events, `gap_seconds` apart."""
    part = {"type": "http.response.body", "body": event, "more_body": True}

    async def answer(scope: Message, _receive: Receive, send: Send) -> None:
        await send({**HEADERS, "headers": [(b"content-type", b"text/event-stream")]})
        due = asyncio.get_running_loop().time()
        for _ in range(0 if scope["path"] == "/health" else tokens):
            due += gap_seconds
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await send(part)
        await send(LAST)

    return answer


def main() -> None:
    """Serve until killed."""
    port, tokens, gap_seconds, event_bytes = sys.argv[1:]
    event = b"data: ".ljust(int(event_bytes) - 2, b"x") + b"\n\n"
    uvicorn.run(
        application(int(tokens), float(gap_seconds), event),
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
