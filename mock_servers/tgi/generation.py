"""TGI's own API: /generate, /generate_stream, and / which is either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from mock_servers.serving.http import JSON, Exchange
from mock_servers.tgi.answer import Answer
from mock_servers.tgi.bodies import CompatGenerateRequest, GenerateRequest
from mock_servers.tgi.body_reading import read_body
from mock_servers.tgi.numbers import decimal
from mock_servers.tgi.options import ServerIdentity
from mock_servers.tgi.refusals import RefusedError
from mock_servers.tgi.router import Router, Run
from mock_servers.tgi.streaming import Begun, stream
from mock_servers.tgi.timings import Timings
from mock_servers.tgi.wires import TgiWire


class GenerationApi:
    """The handlers.

    Args:
        router: that answers.
        identity: of the server.
    """

    def __init__(self, router: Router, identity: ServerIdentity) -> None:
        self._router = router
        self._identity = identity

    async def generate(self, exchange: Exchange) -> None:
        """Answer POST /generate."""
        request = await read_body(exchange, GenerateRequest)
        headers, body = await self._generated(exchange, request)
        await exchange.reply(200, body, JSON, headers=tuple(headers.items()))

    async def generate_stream(self, exchange: Exchange) -> None:
        """Answer POST /generate_stream."""
        await self._stream(exchange, await read_body(exchange, GenerateRequest))

    async def compatible(self, exchange: Exchange) -> None:
        """Answer POST /, as the older inference API did: a list of one, prompt included."""
        request = await read_body(exchange, CompatGenerateRequest)
        given = request.parameters
        if given.return_full_text is None:
            given = msgspec.structs.replace(given, return_full_text=True)
        whole = GenerateRequest(request.inputs, given)
        if request.stream:
            await self._stream(exchange, whole)
            return
        headers, body = await self._generated(exchange, whole)
        await exchange.reply(200, b"[%s]" % body, JSON, headers=tuple(headers.items()))

    async def _stream(self, exchange: Exchange, request: GenerateRequest) -> None:
        wire = TgiWire(_prompt(request), details=request.parameters.details)
        headers = streaming_headers(self._identity, len(request.inputs))
        await stream(exchange, self._router, [begun(self._router, request)], wire, headers)

    async def _generated(
        self, exchange: Exchange, request: GenerateRequest
    ) -> tuple[dict[str, str], bytes]:
        runs = self._router.begin_best_of(request)
        timings = await finished(exchange, self._router, runs)
        self._router.counts.answer_once_of(len(runs))
        best = max(range(len(runs)), key=lambda place: runs[place].answer.mean_logprob)
        headers = answer_headers(self._identity, len(request.inputs), runs[best], timings[best])
        prompt, given = _prompt(request), request.parameters
        body: dict[str, object] = {"generated_text": prompt + runs[best].answer.text}
        if given.details or given.decoder_input_details:
            others = [run.answer for place, run in enumerate(runs) if place != best]
            body["details"] = _details(runs[best].answer, others, prompt)
        return headers, msgspec.json.encode(body)


def begun(router: Router, request: GenerateRequest) -> Begun:
    """Return a request on its way, or why it is not."""
    try:
        return router.begin(request)
    except RefusedError as refused:
        return refused


async def finished(exchange: Exchange, router: Router, runs: Sequence[Run]) -> list[Timings]:
    """Wait for answers, and let them go if the client does.

    Raises:
        RefusedError: if the engine did not take them.
        ServerEndedError: if they were cut off.
    """
    async with exchange.watched(lambda: router.drop(*runs)):
        return await asyncio.gather(*(router.finish(run) for run in runs))


def streaming_headers(identity: ServerIdentity, characters: int) -> dict[str, str]:
    """Return the headers of a streamed answer."""
    return {
        "cache-control": "no-cache",
        "x-compute-type": identity.compute_type,
        "x-compute-characters": str(characters),
        "x-accel-buffering": "no",
    }


def answer_headers(
    identity: ServerIdentity, characters: int, run: Run, timings: Timings
) -> dict[str, str]:
    """Return the headers of an answer in one piece."""
    milliseconds = {name: str(value) for name, value in timings.milliseconds().items()}
    return {
        "x-compute-type": identity.compute_type,
        "x-compute-time": decimal(timings.total_seconds),
        "x-compute-characters": str(characters),
        **milliseconds,
        "x-prompt-tokens": str(run.input_tokens),
        "x-generated-tokens": str(run.answer.tokens),
    }


def _prompt(request: GenerateRequest) -> str:
    """Return what goes before an answer's text."""
    return request.inputs if request.parameters.return_full_text else ""


def _details(answer: Answer, others: Sequence[Answer], prompt: str) -> dict[str, object]:
    tokens = b"[%s]" % b",".join(map(answer.token, range(answer.tokens)))
    details: dict[str, object] = {
        "finish_reason": answer.reason,
        "generated_tokens": answer.tokens,
        "seed": answer.seed,
        "prefill": [],
        "tokens": msgspec.Raw(tokens),
    }
    if others:
        details["best_of_sequences"] = [
            {"generated_text": prompt + other.text, **_details(other, (), prompt)}
            for other in others
        ]
    if answer.candidates:
        details["top_tokens"] = [answer.top_tokens(index) for index in range(answer.tokens)]
    return details
