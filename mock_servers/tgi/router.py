"""The router: permits, checks, the queue of the engine, and what it counts.

Stands between the handlers of HTTP and the engine, as `Infer` does in the real one
(router/src/infer/mod.rs): a permit is taken first, so a server that is full refuses what is wrong
with the same words as what is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from mock_servers.serving.backend import Backend
from mock_servers.serving.streams import ServerEndedError, Stream
from mock_servers.serving.tokenizer import AnswerIds
from mock_servers.tgi.answer import Answer
from mock_servers.tgi.bodies import GenerateParameters, GenerateRequest
from mock_servers.tgi.counts import RouterCounts
from mock_servers.tgi.lengths import longest_answer
from mock_servers.tgi.refusals import RefusedError, overloaded
from mock_servers.tgi.timings import Timings
from mock_servers.tgi.validation import (
    RouterLimits,
    check_best_of,
    input_tokens,
    streaming_problem,
)
from scalecert.engines.base import MetricInfo, Sample
from scalecert.engines.request_log import Status


@dataclass(frozen=True, slots=True)
class Run:
    """One answer on its way.

    Attributes:
        stream: of its tokens.
        answer: what they are.
        input_tokens: of the prompt.
    """

    stream: Stream
    answer: Answer
    input_tokens: int


class Router:
    """What handlers ask for answers.

    Args:
        backend: the engine.
        limits: of what is taken.
    """

    def __init__(self, backend: Backend, limits: RouterLimits) -> None:
        self.backend = backend
        self.limits = limits
        self.counts = RouterCounts()
        self._samplings = 0

    def begin(self, request: GenerateRequest) -> Run:
        """Queue a request whose answer is streamed.

        Raises:
            RefusedError: if it is not taken.
        """
        if (problem := streaming_problem(request.parameters)) is not None:
            self.counts.fail("validation")
            raise problem
        return self._queue(request, 1)[0]

    def begin_best_of(self, request: GenerateRequest) -> Sequence[Run]:
        """Queue a request, as often as it asks for answers of which the best is returned.

        Raises:
            RefusedError: if it is not taken.
        """
        best_of = request.parameters.best_of or 1
        if best_of > 1:
            try:
                check_best_of(best_of, self.limits)
            except RefusedError:
                self.counts.requests += 1
                raise
        return self._queue(request, best_of)

    async def finish(self, run: Run) -> Timings:
        """Wait for the end of an answer.

        Raises:
            RefusedError: if the engine did not take it.
            ServerEndedError: if it was cut off.
        """
        self.check(await run.stream.ended())
        times = self.backend.pacer.times(run.stream)
        return Timings.of(self.backend.given.profile.spec.costs, times, run.answer.tokens)

    def check(self, status: Status) -> None:
        """Return if an answer ended well.

        Raises:
            RefusedError: if the engine did not take its request.
            ServerEndedError: if it was cut off.
        """
        if status is Status.REJECTED:
            raise overloaded()
        if status is not Status.OK:
            raise ServerEndedError

    def drop(self, *runs: Run) -> None:
        """Let the requests of a client that left go."""
        for run in runs:
            self.backend.pacer.cancel(run.stream)

    def families(self) -> list[tuple[MetricInfo, Sequence[Sample]]]:
        """Return the metric families with their samples now; without any where unused."""
        return [
            (info, self.counts.added_to(info.name, samples))
            for info, samples in self.backend.families()
        ]

    def _queue(self, request: GenerateRequest, answers: int) -> Sequence[Run]:
        """Hand a request over to the engine, with a permit for each answer.

        Raises:
            RefusedError: if no permit is left, or it is not right.
        """
        if self._permits_left() < answers:
            self.counts.fail("overloaded")
            raise overloaded()
        given = request.parameters
        try:
            tokens = input_tokens(request.inputs, given, self.limits)
        except RefusedError:
            self.counts.fail("validation")
            raise
        planned = [self._answer(request.inputs, given, tokens, n) for n in range(answers)]
        streams = self.backend.pacer.submit([(tokens, answer.tokens) for answer in planned])
        return [
            Run(stream, answer, tokens) for stream, answer in zip(streams, planned, strict=True)
        ]

    def _permits_left(self) -> int:
        return self.limits.tokens.max_concurrent_requests - self.backend.pacer.outstanding()

    def _answer(self, inputs: str, given: GenerateParameters, tokens: int, choice: int) -> Answer:
        bounded = given.max_new_tokens is not None
        return Answer.to(
            AnswerIds(inputs, choice),
            longest=longest_answer(tokens, given.max_new_tokens, self.limits.tokens),
            ends_at=None if bounded else self.backend.given.answer_tokens,
            stops=given.stop,
            seed=self._seed(inputs, given),
            candidates=given.top_n_tokens or 0,
        )

    def _seed(self, inputs: str, given: GenerateParameters) -> int | None:
        """Return the seed that an answer shows: none unless it is sampled."""
        if not _samples(given):
            return None
        if given.seed is not None:
            return given.seed
        self._samplings += 1
        text = inputs.encode()
        return crc32(text, self._samplings) << 32 | crc32(text, ~self._samplings & 0xFFFFFFFF)


def _samples(given: GenerateParameters) -> bool:
    """Tell whether the model server samples (server/text_generation_server/utils/tokens.py)."""
    narrowed = any(option is not None for option in (given.top_k, given.top_p, given.typical_p))
    return given.do_sample or narrowed or given.temperature not in (None, 1.0)
