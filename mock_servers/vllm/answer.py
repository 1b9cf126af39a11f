"""What one choice will say: settled when it is asked for, sent when the engine has got so far."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from mock_servers.serving.tokenizer import AnswerIds, word
from mock_servers.vllm.asked import Asked, Prompt
from mock_servers.vllm.sampling import Sampling

STOP = "stop"
LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice.

    Attributes:
        ids: of its tokens.
        tokens: how many there are.
        finish_reason: `stop` or `length`.
        stop_reason: the string or token that ended it, if one did.
        ends: after each token, how many characters can be shown; None if all can.
    """

    ids: AnswerIds
    tokens: int
    finish_reason: str
    stop_reason: str | int | None = None
    ends: tuple[int, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether each token's text can be shown with it."""
        return self.ends is None

    def words(self, begin: int, end: int) -> list[str]:
        """Return the texts of its tokens from `begin` up to `end`."""
        return [word(self.ids[index]) for index in range(begin, end)]

    def text(self, begin: int, end: int) -> str:
        """Return what its tokens from `begin` up to `end` add to what is shown."""
        if self.ends is None:
            return "".join(self.words(begin, end))
        first = self.ends[begin - 1] if begin else 0
        return "".join(self.words(0, end))[first : self.ends[end - 1]]


def plan_answer(
    prompt: Prompt, choice: int, sampling: Sampling, *, most_tokens: int, usual_tokens: int | None
) -> Answer:
    """Return what a choice will say.

    Args:
        prompt: that it answers.
        choice: its number.
        sampling: what may end it.
        most_tokens: that it may have.
        usual_tokens: after which it ends by itself; None if the client bounds it.
    """
    ids = AnswerIds(prompt.seed, choice)
    tokens, reason = most_tokens, LENGTH
    if usual_tokens is not None and not sampling.ignore_eos:
        usual = max(usual_tokens, sampling.min_tokens)
        tokens, reason = (usual, STOP) if usual < most_tokens else (most_tokens, LENGTH)
    if not sampling.stops and not sampling.stop_token_ids:
        return Answer(ids, tokens, reason)
    return _stopped(ids, tokens, reason, sampling)


def most_tokens(asked: Asked, room: int) -> int:
    """Return the tokens that an answer may have where `room` is left of the context."""
    return room if asked.max_tokens is None else min(asked.max_tokens, room)


def _stopped(ids: AnswerIds, tokens: int, reason: str, sampling: Sampling) -> Answer:
    """Return an answer that ends with the first stop after its least length.

    From vllm/v1/engine/detokenizer.py, with as many characters held back as a stop may yet need.
    """
    words = [word(ids[index]) for index in range(tokens)]
    text, lengths = "".join(words), [0, *accumulate(map(len, words))]
    held = 0 if sampling.show_stop else max((len(stop) for stop in sampling.stops), default=1) - 1
    for index in range(sampling.min_tokens, tokens):
        found = _stop_at(ids[index], text, lengths[index : index + 2], sampling)
        if found is not None:
            ended_by, end = found
            shown = _shown(lengths[1 : index + 2], held, end)
            return Answer(ids, index + 1, STOP, ended_by, shown)
    return Answer(ids, tokens, reason, None, _shown(lengths[1:], held, lengths[-1]))


def _stop_at(
    ident: int, text: str, ends: list[int], sampling: Sampling
) -> tuple[str | int, int] | None:
    """Return what ends an answer with a token, and the characters shown then; None if nothing.

    Args:
        ident: of the token.
        text: of the whole answer.
        ends: where the text of the token begins and ends in it.
        sampling: what ends an answer.
    """
    begin, end = ends
    if ident in sampling.stop_token_ids:
        return ident, end if sampling.show_stop else begin
    for stop in sampling.stops:
        place = text.find(stop, max(begin - len(stop) + 1, 0), end)
        if place >= 0:
            return stop, place + len(stop) if sampling.show_stop else place
    return None


def _shown(lengths: list[int], held: int, end: int) -> tuple[int, ...]:
    """Return the characters shown after each token, `end` after the last."""
    return (*(max(min(length - held, end), 0) for length in lengths[:-1]), end)
