"""The events of streamed answers, byte by byte: TGI's own, and those of /v1.

An event is `data: `, JSON without spaces, and an empty line. The order of fields is that of the
router's structs (router/src/lib.rs), and differs between the chunks of a completion and its end.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from mock_servers.tgi.answer import Answer
from mock_servers.tgi.refusals import RefusedError
from mock_servers.tgi.router import Run
from scalecert.clock import unix_seconds

DONE = b"data: [DONE]\n\n"


class Wire(Protocol):
    """How an API writes the events of an answer."""

    ending: bytes
    """What follows the last event."""

    def event(self, run: Run, place: int, index: int) -> bytes:
        """Return the event of token `index` of an answer, the `place`th of its request."""

    def error(self, refused: RefusedError) -> bytes:
        """Return the event of an answer that there will not be."""


class TgiWire:
    """Of /generate_stream, and / when it streams.

    Args:
        prompt: that goes before the whole text, if it does.
        details: whether the last event says how the answer ended.
    """

    ending = b""

    def __init__(self, prompt: str, *, details: bool) -> None:
        self._prompt = prompt
        self._details = details

    def event(self, run: Run, place: int, index: int) -> bytes:  # noqa: ARG002 - one alone
        """Return the event of a token; the last one has the whole text."""
        answer = run.answer
        begin = b'data: {"index":%d,"token":%s' % (index + 1, answer.token(index))
        if answer.candidates:
            begin += b',"top_tokens":' + msgspec.json.encode(answer.top_tokens(index))
        if index < answer.tokens - 1:
            return begin + b',"generated_text":null,"details":null}\n\n'
        text = msgspec.json.encode(self._prompt + answer.text)
        details = _details(run) if self._details else b"null"
        return b'%s,"generated_text":%s,"details":%s}\n\n' % (begin, text, details)

    def error(self, refused: RefusedError) -> bytes:
        """Return the event of an error."""
        return b"data: %s\n\n" % refused.body


class ChatWire:
    """Of /v1/chat/completions.

    Args:
        model: its name in the answer.
        fingerprint: of the server.
        logprobs: whether tokens have them.
        usage: whether an event of its own tells the tokens.
    """

    ending = DONE

    def __init__(self, model: str, fingerprint: str, *, logprobs: bool, usage: bool) -> None:
        self._model = _named(model, fingerprint)
        self._logprobs = logprobs
        self._usage = usage

    def event(self, run: Run, place: int, index: int) -> bytes:  # noqa: ARG002 - one alone
        """Return the event of a token, and after the last one that of the usage."""
        answer = run.answer
        is_last = index == answer.tokens - 1
        content = b'""' if answer.is_end(index) else answer.piece(index)
        choice = (
            b'[{"index":0,"delta":{"role":"assistant","content":%s},"logprobs":%s,'
            b'"finish_reason":%s}]'
            % (
                content,
                chat_logprobs(answer, index, index + 1) if self._logprobs else b"null",
                msgspec.json.encode(answer.openai_reason) if is_last else b"null",
            )
        )
        event = self._chunk(choice, b"null")
        if is_last and self._usage:
            event += self._chunk(b"[]", usage(run.input_tokens, answer.tokens))
        return event

    def error(self, refused: RefusedError) -> bytes:
        """Return the event of an error."""
        return b"data: %s\n\n" % refused.openai_body

    def _chunk(self, choices: bytes, usage: bytes) -> bytes:
        return (
            b'data: {"object":"chat.completion.chunk","id":"","created":%d,%s,"choices":%s,'
            b'"usage":%s}\n\n' % (unix_seconds(), self._model, choices, usage)
        )


class CompletionWire:
    """Of /v1/completions.

    Args:
        model: that is served.
        fingerprint: of the server.
    """

    ending = DONE

    def __init__(self, model: str, fingerprint: str) -> None:
        self._model = _named(model, fingerprint)

    def event(self, run: Run, place: int, index: int) -> bytes:
        """Return the event of a token; that of the last one tells the usage too."""
        answer = run.answer
        if index < answer.tokens - 1:
            return (
                b'data: {"object":"text_completion","id":"","created":%d,"choices":[{"index":%d,'
                b'"text":%s,"logprobs":null,"finish_reason":""}],%s}\n\n'
                % (unix_seconds(), place, answer.piece(index), self._model)
            )
        return (
            b'data: {"object":"text_completion","id":"","created":%d,%s,"choices":[{"index":%d,'
            b'"text":%s,"logprobs":null,"finish_reason":%s}],"usage":%s}\n\n'
            % (
                unix_seconds(),
                self._model,
                place,
                answer.piece(index),
                msgspec.json.encode(answer.reason),
                usage(run.input_tokens, answer.tokens),
            )
        )

    def error(self, refused: RefusedError) -> bytes:
        """Return the event of an error."""
        return b"data: %s\n\n" % refused.openai_body


def usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    """Return what an answer on /v1 says of its tokens."""
    return msgspec.json.encode(
        {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
    )


def chat_logprobs(answer: Answer, begin: int, end: int) -> bytes:
    """Return the log probabilities of tokens as a chat has them."""
    content = []
    for index in range(begin, end):
        token = msgspec.json.decode(answer.token(index))
        top = answer.top_tokens(index) if answer.candidates else []
        content.append(
            {
                "token": token["text"],
                "logprob": token["logprob"],
                "top_logprobs": [{"token": one["text"], "logprob": one["logprob"]} for one in top],
            }
        )
    return msgspec.json.encode({"content": content})


def _details(run: Run) -> bytes:
    answer = run.answer
    return msgspec.json.encode(
        {
            "finish_reason": answer.reason,
            "generated_tokens": answer.tokens,
            "seed": answer.seed,
            "input_length": run.input_tokens,
        }
    )


def _named(model: str, fingerprint: str) -> bytes:
    named = {"model": model, "system_fingerprint": fingerprint}
    return msgspec.json.encode(named)[1:-1]
