"""How an answer is sampled: what matters to its length, and vLLM's checks of the rest.

From vllm/sampling_params.py (`_verify_args`, `_validate_logprobs`), in its order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mock_servers.serving.pydantic_fields import (
    NO_TEXT,
    Fields,
    WrongValueError,
    boolean,
    integer,
    number,
    text,
)
from mock_servers.vllm.refusals import RefusalError, invalid

MOST_CHOICES = 16384
MOST_LOGPROBS = 20
MOST_STOPS = 4
_GREEDY = 1e-5


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling parameters of one request.

    Attributes:
        n: choices for each prompt.
        min_tokens: before which nothing ends an answer.
        ignore_eos: whether an answer goes on to its bound.
        stops: strings that end an answer.
        stop_token_ids: tokens that end it.
        show_stop: whether what ended it is shown.
        logprobs: candidates to show for each token beside the one taken, None for none at all.
    """

    n: int
    min_tokens: int
    ignore_eos: bool
    stops: tuple[str, ...]
    stop_token_ids: frozenset[int]
    show_stop: bool
    logprobs: int | None
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    presence_penalty: float
    frequency_penalty: float
    repetition_penalty: float

    def check(self, max_tokens: int) -> None:
        """Refuse what no sampler takes; `max_tokens` is the bound after that of the context."""
        self._check_choices()
        for name in ("presence_penalty", "frequency_penalty"):
            if not -2.0 <= getattr(self, name) <= 2.0:
                raise invalid(f"{name} must be in [-2, 2], got {getattr(self, name)}.")
        if not math.isfinite(self.repetition_penalty):
            raise invalid(
                f"repetition_penalty must be a finite number, got {self.repetition_penalty}."
            )
        if self.repetition_penalty <= 0.0:
            raise invalid(
                f"repetition_penalty must be greater than zero, got {self.repetition_penalty}."
            )
        self._check_temperature()
        if not 0.0 < self.top_p <= 1.0:
            raise invalid(f"top_p must be in (0, 1], got {self.top_p}.", "top_p", self.top_p)
        if self.top_k < -1:
            raise invalid(f"top_k must be 0 (disable), or at least 1, got {self.top_k}.")
        if not 0.0 <= self.min_p <= 1.0:
            raise invalid(f"min_p must be in [0, 1], got {self.min_p}.")
        self._check_lengths(max_tokens)
        if not all(self.stops):
            raise invalid("stop cannot contain an empty string.")
        if self.temperature < _GREEDY and self.n > 1:
            raise invalid(f"n must be 1 when using greedy sampling, got {self.n}.")

    def late_refusal(self) -> RefusalError | None:
        """Return the refusal of what only the engine's side checks, when a stream has begun."""
        if self.logprobs is None or self.logprobs <= MOST_LOGPROBS:
            return None
        return invalid(
            f"Requested sample logprobs of {self.logprobs}, which is greater than max allowed:"
            f" {MOST_LOGPROBS}",
            "logprobs",
            self.logprobs,
        )

    def _check_choices(self) -> None:
        if self.n < 1:
            raise invalid(f"n must be at least 1, got {self.n}.")
        if self.n > MOST_CHOICES:
            raise invalid(
                f"n must be at most {MOST_CHOICES}, got {self.n}. To increase this limit, set the"
                " VLLM_MAX_N_SEQUENCES environment variable."
            )

    def _check_temperature(self) -> None:
        found = self.temperature
        if not math.isfinite(found):
            problem = "a finite number"
        elif found < 0.0:
            problem = "non-negative"
        elif found > 2.0:
            problem = "in [0, 2]"
        else:
            return
        raise invalid(f"temperature must be {problem}, got {found}.", "temperature", found)

    def _check_lengths(self, max_tokens: int) -> None:
        if max_tokens < 1:
            raise invalid(
                f"max_tokens must be at least 1, got {max_tokens}.", "max_tokens", max_tokens
            )
        least = self.min_tokens
        if least < 0:
            raise invalid(f"min_tokens must be greater than or equal to 0, got {least}.")
        if least > max_tokens:
            raise invalid(
                f"min_tokens must be less than or equal to max_tokens={max_tokens}, got {least}."
            )


def read_sampling(fields: Fields, *, n: int, logprobs: int | None) -> Sampling:
    """Return what a request says of sampling; what is wrong with it is noted in `fields`."""
    temperature = fields.maybe("temperature", number)
    top_p = fields.maybe("top_p", number)
    repetition = fields.maybe("repetition_penalty", number)
    return Sampling(
        n=n,
        logprobs=logprobs,
        presence_penalty=fields.maybe("presence_penalty", number) or 0.0,
        frequency_penalty=fields.maybe("frequency_penalty", number) or 0.0,
        stops=_read_stops(fields),
        temperature=1.0 if temperature is None else temperature,
        top_p=1.0 if top_p is None else top_p,
        top_k=fields.maybe("top_k", integer) or 0,
        min_p=fields.maybe("min_p", number) or 0.0,
        repetition_penalty=1.0 if repetition is None else repetition,
        stop_token_ids=frozenset(fields.listed("stop_token_ids", integer)),
        show_stop=fields.read("include_stop_str_in_output", boolean, default=False),
        ignore_eos=fields.read("ignore_eos", boolean, default=False),
        min_tokens=fields.read("min_tokens", integer, 0),
    )


def _read_stops(fields: Fields) -> tuple[str, ...]:
    """Return the stop strings: one, or a list of at most four."""
    value = fields.given.get("stop")
    if value is None or isinstance(value, str):
        return () if value is None else (value,)
    if isinstance(value, list) and len(value) <= MOST_STOPS:
        stops = tuple(stop for stop in value if isinstance(stop, str))
        if len(stops) == len(value):
            return stops
    fields.note(value, NO_TEXT, "stop")
    found = fields.listed("stop", text)
    if isinstance(value, list) and len(value) > MOST_STOPS:
        too_long = WrongValueError(
            "too_long",
            f"List should have at most {MOST_STOPS} items after validation, not {len(value)}",
            field_type="List",
            max_length=MOST_STOPS,
            actual_length=len(value),
        )
        fields.note(value, too_long, "stop")
    return tuple(found)
