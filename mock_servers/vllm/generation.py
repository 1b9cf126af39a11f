"""`/v1/completions` and `/v1/chat/completions`."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from itertools import chain

from mock_servers.serving.fastapi import EVENT_STREAM
from mock_servers.serving.following import follow
from mock_servers.serving.http import JSON, Exchange
from mock_servers.vllm.admission import Planned, admit, plan
from mock_servers.vllm.asked import Asked
from mock_servers.vllm.chat_request import check_tools, read_chat
from mock_servers.vllm.chat_wire import ChatWire
from mock_servers.vllm.completion_request import read_completion
from mock_servers.vllm.completion_wire import CompletionWire
from mock_servers.vllm.ledger import Place
from mock_servers.vllm.refusals import RefusalError, busy, engine_dead
from mock_servers.vllm.server import Server, random_id, read_object, whole_seconds
from mock_servers.vllm.wire import Head, Usage, Wire
from scalecert.engines.request_log import Status


async def completions(server: Server, exchange: Exchange) -> None:
    """Answer a request to `/v1/completions`."""
    fields = await read_object(exchange)
    asked = read_completion(fields)
    admit(server, asked)
    planned = plan(server, asked)
    await _Answering(server, exchange, planned, CompletionWire).run()


async def chat(server: Server, exchange: Exchange) -> None:
    """Answer a request to `/v1/chat/completions`."""
    fields = await read_object(exchange)
    asked = read_chat(fields, server.backend.model_name)
    admit(server, asked)
    check_tools(fields)
    planned = plan(server, asked)
    await _Answering(server, exchange, planned, ChatWire).run()


class _Answering:
    """The answering of one request."""

    def __init__(
        self, server: Server, exchange: Exchange, planned: Planned, wire: type[Wire]
    ) -> None:
        self._server = server
        self._exchange = exchange
        self._planned = planned
        self._asked: Asked = planned.asked
        named = exchange.header("x-request-id") or self._asked.manner.request_id
        head = Head(
            id=f"{wire.id_prefix}-{named or random_id()}",
            created=whole_seconds(),
            model=server.names[0],
            fingerprint=server.fingerprint,
        )
        self._wire = wire(head, planned.asked, list(chain.from_iterable(planned.answers)))
        self._left = False

    async def run(self) -> None:
        """Answer, as a stream or in one piece."""
        if self._planned.late is not None:
            await self._tell(self._planned.late)
        elif self._server.backend.ending:
            await self._turn_away()
        else:
            places = self._admitted()
            try:
                async with self._exchange.watched(partial(self._leave, places)):
                    await (self._stream(places) if self._streams else self._whole(places))
            finally:
                self._server.ledger.leave(places)

    def _leave(self, places: list[Place]) -> None:
        """Note that the client has gone."""
        self._left = True
        self._server.ledger.leave(places)

    @property
    def _streams(self) -> bool:
        return self._asked.manner.stream

    def _admitted(self) -> list[Place]:
        planned, ledger = self._planned, self._server.ledger
        prompts = zip(self._asked.prompts, planned.answers, planned.bounds, strict=True)
        return [
            place
            for prompt, answers, bound in prompts
            for place in ledger.admit(prompt.tokens, answers, bound)
        ]

    def _used(self, completion_tokens: int) -> Usage:
        return Usage(sum(prompt.tokens for prompt in self._asked.prompts), completion_tokens)

    async def _stream(self, places: list[Place]) -> None:
        """Send each token when it is there."""
        await self._exchange.start_stream(content_type=EVENT_STREAM)
        if len(places) == 1:
            await self._send_tokens(0, places[0])
        else:
            await asyncio.gather(
                *(self._send_tokens(choice, place) for choice, place in enumerate(places))
            )
        refusal = _refusal_of(places)
        if refusal is not None:
            await self._end_with(refusal)
            return
        used = self._used(sum(place.answer.tokens for place in places))
        await self._exchange.end(self._wire.closing(used))

    async def _send_tokens(self, choice: int, place: Place) -> None:
        """Send one choice as its stream goes on."""
        await follow(self._exchange, place.stream, self._wire.events(choice))

    async def _whole(self, places: list[Place]) -> None:
        """Wait for the end of all choices, and send them in one piece."""
        for place in places:
            await place.stream.ended()
        if self._left:
            # To nobody; counted with the others (serve/utils/api_utils.py, with_cancellation).
            await self._exchange.reply(200, content_type="")
            return
        refusal = _refusal_of(places)
        if refusal is not None:
            raise refusal
        used = self._used(sum(place.answer.tokens for place in places))
        headers = self._load_headers()
        await self._exchange.reply(200, self._wire.whole(used), JSON, headers)

    async def _turn_away(self) -> None:
        """Answer as a server that ends does to what comes still: aborted, without a token."""
        choices = sum(map(len, self._planned.answers))
        self._server.ledger.turn_away(choices)
        used, wire = self._used(0), self._wire
        if not self._streams:
            await self._exchange.reply(200, wire.whole(used, refused=True))
            return
        await self._exchange.start_stream(content_type=EVENT_STREAM)
        events = [wire.refused(choice) for choice in range(choices)]
        await self._exchange.end(wire.opening() + b"".join(events) + wire.closing(used))

    async def _tell(self, refusal: RefusalError) -> None:
        """Refuse: in a stream's first event, or else by the status."""
        if not self._streams:
            raise refusal
        await self._exchange.start_stream(content_type=EVENT_STREAM)
        await self._end_with(refusal)

    async def _end_with(self, refusal: RefusalError) -> None:
        """End a stream with an error."""
        self._exchange.refused()
        await self._exchange.end(self._wire.error(refusal))

    def _load_headers(self) -> list[tuple[str, str]]:
        """Return what a load balancer asked to be told (ORCA)."""
        form = self._exchange.header("endpoint-load-metrics-format").lower()
        if form not in ("text", "json"):
            return []
        load = self._server.page.load()
        if form == "json":
            told = f"JSON {json.dumps({'named_metrics': load})}"
        else:
            told = "TEXT " + ", ".join(f"named_metrics.{name}={load[name]}" for name in load)
        return [("endpoint-load-metrics", told)]


def _refusal_of(places: list[Place]) -> RefusalError | None:
    """Return what clients are told of choices that did not end as they should have."""
    ends = {place.stream.status for place in places}
    if Status.REJECTED in ends:
        return busy()
    return engine_dead() if Status.ABORTED in ends else None
