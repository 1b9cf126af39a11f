"""The API of OpenAI: /v1/chat/completions and /v1/completions.

Every request counts once here, and once more for each prompt that the router looks at.
"""

from __future__ import annotations

import msgspec

from mock_servers.serving.http import JSON, Exchange
from mock_servers.tgi.bodies import (
    ChatRequest,
    CompletionRequest,
    GenerateParameters,
    GenerateRequest,
)
from mock_servers.tgi.body_reading import read_body
from mock_servers.tgi.chat import OWN_NAME, generate_request
from mock_servers.tgi.generation import answer_headers, begun, finished, streaming_headers
from mock_servers.tgi.options import ServerIdentity
from mock_servers.tgi.refusals import RefusedError
from mock_servers.tgi.router import Router, Run
from mock_servers.tgi.streaming import stream
from mock_servers.tgi.timings import Timings
from mock_servers.tgi.wires import ChatWire, CompletionWire, chat_logprobs, usage
from scalecert.clock import unix_seconds


class OpenAiApi:
    """The handlers.

    Args:
        router: that answers.
        identity: of the server.
    """

    def __init__(self, router: Router, identity: ServerIdentity) -> None:
        self._router = router
        self._identity = identity

    async def chat(self, exchange: Exchange) -> None:
        """Answer POST /v1/chat/completions."""
        chat = await read_body(exchange, ChatRequest)
        self._router.counts.requests += 1
        request = generate_request(chat)
        named = chat.model if chat.model not in (None, OWN_NAME) else None
        model, characters = named or self._identity.model, len(request.inputs)
        logprobs = bool(chat.logprobs)
        if chat.stream:
            options = chat.stream_options
            wire = ChatWire(
                model,
                self._identity.fingerprint,
                logprobs=logprobs,
                usage=options.include_usage,
            )
            headers = streaming_headers(self._identity, characters)
            await stream(exchange, self._router, [begun(self._router, request)], wire, headers)
            return
        runs = self._router.begin_best_of(request)
        (timings,) = await finished(exchange, self._router, runs)
        headers = answer_headers(self._identity, characters, runs[0], timings)
        body = self._chat_answer(runs[0], model, logprobs=logprobs)
        await exchange.reply(200, body, JSON, headers=tuple(headers.items()))

    async def completions(self, exchange: Exchange) -> None:
        """Answer POST /v1/completions, which may have several prompts."""
        asked = await read_body(exchange, CompletionRequest)
        self._router.counts.requests += 1
        prompts = (asked.prompt,) if isinstance(asked.prompt, str) else asked.prompt
        self._check(asked, len(prompts))
        parameters = _parameters(asked)
        requests = [GenerateRequest(prompt, parameters) for prompt in prompts]
        characters = sum(map(len, prompts))
        if asked.stream:
            wire = CompletionWire(self._identity.model, self._identity.fingerprint)
            headers = streaming_headers(self._identity, characters)
            started = [begun(self._router, request) for request in requests]
            await stream(exchange, self._router, started, wire, headers)
            return
        runs = self._begin_all(requests)
        timings = await finished(exchange, self._router, runs)
        headers = _summed_headers(self._identity, characters, runs, timings)
        body = self._completion(runs)
        await exchange.reply(200, body, JSON, headers=tuple(headers.items()))

    def _check(self, asked: CompletionRequest, prompts: int) -> None:
        """Refuse what only this API has."""
        if asked.suffix is not None:
            problem = "Suffix is not supported and can be achieved by preprocessing the prompt."
            kind = "suffix not supported"
        elif prompts > (most := self._router.limits.most_prompts):
            problem = f"Number of prompts exceeds the maximum allowed batch size of {most}"
            kind = "batch size exceeded"
        else:
            return
        self._router.counts.failures["validation"] += 1
        raise RefusedError(422, problem, kind)

    def _begin_all(self, requests: list[GenerateRequest]) -> list[Run]:
        """Queue all prompts; one that is refused is the end of the others."""
        runs: list[Run] = []
        try:
            for request in requests:
                runs += self._router.begin_best_of(request)
        except RefusedError:
            self._router.drop(*runs)
            raise
        return runs

    def _chat_answer(self, run: Run, model: str, *, logprobs: bool) -> bytes:
        answer = run.answer
        shown = msgspec.Raw(chat_logprobs(answer, 0, answer.tokens)) if logprobs else None
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "logprobs": shown,
            "finish_reason": answer.openai_reason,
        }
        counted = usage(run.input_tokens, answer.tokens)
        return self._object("chat.completion", model, [choice], counted)

    def _completion(self, runs: list[Run]) -> bytes:
        choices: list[dict[str, object]] = [
            {
                "index": index,
                "text": run.answer.text,
                "logprobs": None,
                "finish_reason": run.answer.openai_reason,
            }
            for index, run in enumerate(runs)
        ]
        prompts = sum(run.input_tokens for run in runs)
        counted = usage(prompts, sum(run.answer.tokens for run in runs))
        return self._object("text_completion", self._identity.model, choices, counted)

    def _object(
        self, kind: str, model: str, choices: list[dict[str, object]], counted: bytes
    ) -> bytes:
        return msgspec.json.encode(
            {
                "object": kind,
                "id": "",
                "created": int(unix_seconds()),
                "model": model,
                "system_fingerprint": self._identity.fingerprint,
                "choices": choices,
                "usage": msgspec.Raw(counted),
            }
        )


def _parameters(asked: CompletionRequest) -> GenerateParameters:
    greedy = asked.temperature == 0.0
    return GenerateParameters(
        temperature=None if greedy else asked.temperature,
        repetition_penalty=asked.repetition_penalty,
        frequency_penalty=asked.frequency_penalty,
        top_p=asked.top_p,
        do_sample=not greedy,
        max_new_tokens=asked.max_tokens,
        stop=asked.stop or (),
        details=True,
        decoder_input_details=not asked.stream,
        seed=asked.seed,
    )


def _summed_headers(
    identity: ServerIdentity, characters: int, runs: list[Run], timings: list[Timings]
) -> dict[str, str]:
    """Return the headers of an answer to several prompts: sums, and no time in seconds."""
    each = [
        answer_headers(identity, characters, run, one)
        for run, one in zip(runs, timings, strict=True)
    ]
    kept = {"x-compute-type", "x-compute-characters"}
    summed = {
        name: str(sum(int(headers[name]) for headers in each))
        for name in each[0]
        if name not in kept | {"x-compute-time"}
    }
    return {name: each[0][name] for name in kept} | summed
