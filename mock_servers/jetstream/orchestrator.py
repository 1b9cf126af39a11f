"""JetStream's orchestrator: what stands behind its gRPC port, and behind HTTP in front of that.

Nothing is refused. A longer prompt than the server's longest is cut to its last tokens, an answer
may be asked to be as long as one likes, and a client that leaves frees nothing: the server marks
its channel as cancelled, but none of its threads looks at that
(jetstream/core/orchestrator.py, LLMOrchestrator.Decode; core/utils/async_multifuture.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from mock_servers.jetstream.answers import Answer, Length
from mock_servers.jetstream.wire import DecodeRequest
from mock_servers.serving import tokenizer
from mock_servers.serving.backend import Backend
from mock_servers.serving.streams import ServerEndedError, Stream
from mock_servers.serving.tokenizer import AnswerIds
from scalecert.clock import monotonic_seconds
from scalecert.engines.jetstream.arguments import is_of_pytorch
from scalecert.engines.jetstream.engine import JetStreamEngine
from scalecert.engines.request_log import Status
from scalecert.request_limits import RequestLimits

_MESSAGES_MORE = 2
"""Of an answer than `max_tokens`: MaxText's token too many, and the empty sample at the end."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """One request that was taken.

    Attributes:
        stream: of its messages.
        answer: what they have.
        as_text: whether they have texts beside ids: the prompt was given as text.
    """

    stream: Stream
    answer: Answer
    as_text: bool

    def written(self, begin: int, end: int, write: Callable[[int], bytes]) -> bytes:
        """Return the messages from place `begin` up to `end`; `write` takes what each has."""
        if end - begin == 1:
            return write(self.answer.sample(begin))
        return b"".join(write(self.answer.sample(place)) for place in range(begin, end))

    async def samples(self) -> AsyncIterator[int]:
        """Yield what each message has, an id or NOTHING, when it is due.

        Raises:
            ServerEndedError: if the server does before it is complete.
        """
        sent = 0
        async for messages in self.stream.counts():
            for place in range(sent, messages):
                yield self.answer.sample(place)
            sent = messages
        if self.stream.status is not Status.OK:
            raise ServerEndedError


class Orchestrator:
    """Takes requests for one engine.

    Args:
        backend: of a JetStream server.
    """

    def __init__(self, backend: Backend) -> None:
        if not isinstance(backend.engine, JetStreamEngine):
            raise TypeError(f"an engine of type {type(backend.engine).__name__}")
        self._backend = backend
        self._engine = backend.engine
        self._longest = backend.request_limits
        self._counts_first = is_of_pytorch(backend.given.words)
        # The model refuses what no slot has room for; the real server takes it.
        self._engine.longest = RequestLimits(
            self._longest.input_tokens,
            self._longest.output_tokens + _MESSAGES_MORE,
            self._longest.total_tokens + _MESSAGES_MORE,
            self._longest.flag,
        )

    @property
    def is_live(self) -> bool:
        """Whether the model is loaded, and so whether anything listens at all."""
        return self._backend.ready

    @property
    def transfers(self) -> float:
        """The length of the transfer backlog."""
        _, _, transfer, _ = self._engine.parked_places()
        return float(transfer)

    @property
    def insertions(self) -> float:
        """The length of the generate backlog."""
        generate, *_ = self._engine.parked_places()
        return float(generate)

    def decode(self, request: DecodeRequest) -> Decoding:
        """Put a request that has a content on the prefill backlog."""
        length = Length.of(
            request.max_tokens,
            counts_first=self._counts_first,
            longest=self._longest.output_tokens,
            unbounded=self._backend.given.answer_tokens,
        )
        pacer, observed = self._backend.pacer, self._engine.observed
        tokens, longest = _prompt_tokens(request), self._longest.input_tokens
        (stream,) = pacer.submit([(min(tokens, longest), length.messages)])
        if tokens > longest:
            observed.cut_from[stream.ident] = tokens
        if request.start_time:
            age = (monotonic_seconds() - request.start_time) * pacer.speed
            observed.client_starts[stream.ident] = stream.arrival_seconds - age
        prompt = str(request.token_ids) if request.text is None else request.text
        answer = Answer(length, AnswerIds(prompt))
        return Decoding(stream, answer, as_text=request.text is not None)

    def leave(self, decoding: Decoding) -> None:
        """Note that a client left; its request goes on without it."""
        self._backend.pacer.cancel(decoding.stream)


def _prompt_tokens(request: DecodeRequest) -> int:
    """Return the tokens of a prompt with the first one, which the server adds if it is not there.

    At least one; the real server divides by their number, and ends.
    """
    given = tokenizer.count(request.text) if request.text else len(request.token_ids or ())
    return max(given + (not request.has_bos), 1)
