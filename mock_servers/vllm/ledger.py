"""The API server's own record of its requests: who is here, and what the engine can't count.

How an answer ended, what a client asked for and whom the queue limits kept out is known before the
engine, so the metrics that tell of it are kept here (vllm/v1/engine/output_processor.py,
parallel_sampling.py, async_llm.py). Requests whose clients left raise none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mock_servers.serving.pacing import Pacer
from mock_servers.serving.streams import Stream
from mock_servers.vllm.answer import Answer
from mock_servers.vllm.refusals import RefusalError, backlogged, busy
from scalecert.engines.base import Limits
from scalecert.engines.request_log import Status
from scalecert.engines.tally import Tally

N = "vllm:request_params_n"
MAX_TOKENS = "vllm:request_params_max_tokens"
LONGEST = "vllm:request_max_num_generation_tokens"
BY_REQUESTS = "max_num_queued_reqs"
BY_TOKENS = "max_num_queued_tokens"
ABORT = "abort"


@dataclass(slots=True)
class _Family:
    """The choices of one prompt: what is observed once for all of them."""

    n: int
    left: int
    longest: int = 0


@dataclass(slots=True, eq=False)
class Place:
    """One choice in the server."""

    stream: Stream
    answer: Answer
    max_tokens: int
    family: _Family
    counted: bool = False


class Ledger:
    """The record of one server.

    Args:
        pacer: of the engine.
        limits: of the server.
        bounds: of the histograms that are kept here, by name.
    """

    def __init__(self, pacer: Pacer, limits: Limits, bounds: dict[str, Sequence[float]]) -> None:
        self._pacer = pacer
        self._most = {name: int(limits.values.get(name, -1)) for name in (BY_REQUESTS, BY_TOKENS)}
        self._here: set[Place] = set()
        self.tallies = {name: Tally(found) for name, found in bounds.items()}
        self.finished: Counter[str] = Counter()
        """Choices that ended, by their reason."""
        self.kept_out: Counter[str] = Counter()
        """Requests refused at a limit of the queue, by its name."""

    def refusal(self, choices: int) -> RefusalError | None:
        """Return why so many more choices are not taken now, and count it; None if they are.

        async_llm.py, check_admission.
        """
        most = self._most[BY_REQUESTS]
        if 0 <= most < len(self._here) + choices:
            self.kept_out[BY_REQUESTS] += 1
            return busy()
        most = self._most[BY_TOKENS]
        if 0 <= most <= self._queued_tokens():
            self.kept_out[BY_TOKENS] += 1
            return backlogged()
        return None

    def admit(self, prompt_tokens: int, answers: Sequence[Answer], max_tokens: int) -> list[Place]:
        """Hand the choices of one prompt to the engine."""
        streams = self._pacer.submit([(prompt_tokens, answer.tokens) for answer in answers])
        family = _Family(len(answers), len(answers))
        places = [
            Place(stream, answer, max_tokens, family)
            for stream, answer in zip(streams, answers, strict=True)
        ]
        self._here.update(places)
        return places

    def leave(self, places: Sequence[Place]) -> None:
        """Take choices off the record: they have been answered, or their client has gone."""
        for place in places:
            self._pacer.cancel(place.stream)
            self._count(place)
        self._here.difference_update(places)

    def turn_away(self, choices: int) -> None:
        """Count choices that a server which ends has answered without beginning them."""
        self.finished[ABORT] += choices

    def settle(self) -> None:
        """Count what has ended by now, whether its handler knows it or not."""
        for place in self._here:
            self._count(place)

    def _queued_tokens(self) -> int:
        """Return the prompt tokens of choices without a first token."""
        waiting = (place.stream for place in self._here if not place.stream.tokens)
        return sum(stream.input_tokens for stream in waiting)

    def _count(self, place: Place) -> None:
        if place.counted or place.stream.status is not Status.OK:
            return
        place.counted = True
        family, answer = place.family, place.answer
        self.finished[answer.finish_reason] += 1
        self.tallies[MAX_TOKENS].observe([float(place.max_tokens)])
        family.left -= 1
        family.longest = max(family.longest, answer.tokens)
        if not family.left:
            self.tallies[N].observe([float(family.n)])
            self.tallies[LONGEST].observe([float(family.longest)])
