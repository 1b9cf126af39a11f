"""What a request for text asks, whichever endpoint it came to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mock_servers.serving import tokenizer
from mock_servers.serving.pydantic_fields import Fields, boolean, bounded, integer, one_of, text
from mock_servers.vllm.refusals import invalid
from mock_servers.vllm.sampling import Sampling

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Prompt:
    """One prompt: a text, or the ids of its tokens."""

    text: str | None
    given_ids: tuple[int, ...] = ()

    @cached_property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.given_ids) if self.text is None else tokenizer.count(self.text)

    @property
    def ids(self) -> list[int]:
        """The ids of its tokens."""
        if self.text is None:
            return list(self.given_ids)
        return tokenizer.token_ids(self.text)

    @property
    def pieces(self) -> list[str]:
        """The texts of its tokens."""
        if self.text is None:
            return [tokenizer.word(ident) for ident in self.given_ids]
        return tokenizer.split(self.text)

    @property
    def shown(self) -> str:
        """Its text."""
        return "".join(self.pieces) if self.text is None else self.text

    @property
    def seed(self) -> str:
        """What its answers follow from."""
        return ",".join(map(str, self.given_ids)) if self.text is None else self.text

    def cut(self, tokens: int, side: str) -> Prompt:
        """Return it with at most so many tokens, those at its end if `side` is `left`."""
        if self.tokens <= tokens:
            return self
        kept = slice(self.tokens - tokens, None) if side == "left" else slice(0, tokens)
        if self.text is None:
            return Prompt(None, self.given_ids[kept])
        return Prompt("".join(tokenizer.split(self.text)[kept]))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a request is to be answered, whichever endpoint it came to.

    Attributes:
        stream: whether the answer comes as it is made.
        include_usage: whether a stream ends with what was used.
        continuous_usage: whether each event says what has been used.
        return_token_ids: whether ids are shown beside texts.
        tokens_as_ids: whether log probabilities name tokens by ids.
        request_id: in the answer's id; None if the client has not said.
        truncate: to which prompts are cut; -1 to what there is room for.
        truncate_side: at which.
    """

    stream: bool
    include_usage: bool
    continuous_usage: bool
    return_token_ids: bool
    tokens_as_ids: bool
    request_id: str | None
    truncate: int | None
    truncate_side: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for text.

    Attributes:
        model: asked for; None or empty for whichever the server has.
        prompts: none only if their list was empty.
        max_tokens: that an answer may have, None for as many as there is room for.
        max_tokens_name: of the field that said so.
        sampling: how answers are sampled.
        manner: how they are given.
        echo: whether answers begin with what was asked.
        prompt_logprobs: whether whole answers show those of the prompt.
        return_prompt_text: whether a chat's prompt is shown.
        echoed: the message that a chat's answers begin with, if they are to.
    """

    model: str | None
    prompts: tuple[Prompt, ...]
    max_tokens: int | None
    max_tokens_name: str
    sampling: Sampling
    manner: Manner
    echo: bool
    prompt_logprobs: bool
    return_prompt_text: bool = False
    echoed: str = ""

    @property
    def shows_only_the_prompt(self) -> bool:
        """Whether only what was asked is shown; one token is made all the same."""
        return self.echo and self.max_tokens == 0


def read_manner(fields: Fields) -> Manner:
    """Return how a request is to be answered; what is wrong with it is noted in `fields`."""
    stream = bool(fields.maybe("stream", boolean))
    options = fields.inner("stream_options")
    include = bool(options and options.maybe("include_usage", boolean))
    continuous = bool(options and options.maybe("continuous_usage_stats", boolean))
    fields.maybe("seed", bounded(-_LARGEST - 1, _LARGEST))
    fields.maybe("user", text)
    truncate = fields.maybe("truncate_prompt_tokens", bounded(-1, _LARGEST))
    side = fields.maybe("truncation_side", one_of("left", "right"))
    fields.read("priority", integer, 0)
    return Manner(
        stream=stream,
        include_usage=include,
        continuous_usage=include and continuous,
        request_id=fields.read("request_id", text, "") or None,
        tokens_as_ids=bool(fields.maybe("return_tokens_as_token_ids", boolean)),
        return_token_ids=bool(fields.maybe("return_token_ids", boolean)),
        truncate=truncate,
        truncate_side=side or "right",
    )


def check_stream_options(given: Fields) -> None:
    """Refuse options of a stream where none was asked for."""
    if given.given.get("stream_options") and not given.given.get("stream"):
        raise invalid("Stream options can only be defined when `stream=True`.", "stream_options")


def check_counts(fields: Fields, *names: str) -> None:
    """Refuse numbers of log probabilities that are none, before fields are read."""
    for name in ("prompt_logprobs", *names):
        value = fields.given.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float):
            raise invalid(f"`{name}` must be an integer.", name, value)
        if name == "prompt_logprobs" and fields.given.get("stream") and (value > 0 or value == -1):
            raise invalid(f"`{name}` are not available when `stream=True`.", name)
        if value < 0 and value != -1:
            raise invalid(f"`{name}` must be a positive value or -1.", name, value)
