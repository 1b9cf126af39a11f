"""What the router takes of parameters and prompts: its checks, in its order.

From router/src/validation.rs, validate and validate_input; a request fails with the first check
that it does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from mock_servers.serving import tokenizer
from mock_servers.tgi.bodies import GenerateParameters, Grammar
from mock_servers.tgi.lengths import segment_tokens
from mock_servers.tgi.refusals import RefusedError, invalid
from mock_servers.tgi.serde.text import JsonText
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

_LARGEST_FREQUENCY_PENALTY = 2.0


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """What the router takes, by flag.

    Attributes:
        tokens: of prompts and answers, and requests at once.
        most_best_of: answers of which the best is returned.
        most_stop_sequences: of a request.
        most_top_n_tokens: candidates shown for each token.
        most_prompts: of a request to /v1/completions.
        takes_grammars: whether answers can be bound to one.
    """

    tokens: SchedulerLimits
    most_best_of: int = 2
    most_stop_sequences: int = 4
    most_top_n_tokens: int = 5
    most_prompts: int = 4
    takes_grammars: bool = True


def input_tokens(inputs: str, given: GenerateParameters, limits: RouterLimits) -> int:
    """Return the tokens of a prompt that is taken.

    Raises:
        RefusedError: if it, or a parameter, is not.
    """
    problem = next(_problems(inputs, given, limits), None)
    if problem is not None:
        raise invalid(problem)
    tokens = tokenizer.count(inputs)
    if given.truncate is not None:
        tokens = min(tokens, given.truncate)
    most = limits.tokens
    new = segment_tokens(tokens, given.max_new_tokens, most)
    if tokens + new > most.max_total_tokens:
        raise invalid(
            f"`inputs` tokens + `max_new_tokens` must be <= {most.max_total_tokens}."
            f" Given: {tokens} `inputs` tokens and {new} `max_new_tokens`"
        )
    if tokens > most.max_input_tokens:
        raise invalid(
            f"`inputs` must have less than {most.max_input_tokens} tokens. Given: {tokens}"
        )
    if given.grammar is not None:
        _check_grammar(given.grammar, limits)
    return tokens


def check_best_of(best_of: int, limits: RouterLimits) -> None:
    """Return if so many answers are made.

    Raises:
        RefusedError: if not; this one is not counted as a failure.
    """
    if limits.most_best_of == 1 and best_of != 1:
        raise invalid("`best_of` != 1 is not allowed for this endpoint")
    if best_of > limits.most_best_of:
        raise invalid(f"`best_of` must be > 0 and <= {limits.most_best_of}. Given: {best_of}")


def streaming_problem(given: GenerateParameters) -> RefusedError | None:
    """Return why a request can't be streamed, whether or not a permit is left for it."""
    if given.best_of not in (None, 1):
        return invalid("`best_of` != 1 is not supported when streaming tokens")
    if given.decoder_input_details:
        return invalid("`decoder_input_details` == true is not supported when streaming tokens")
    return None


def _problems(inputs: str, given: GenerateParameters, limits: RouterLimits) -> Iterator[str]:
    """Yield what is wrong, in the order of the router's checks."""
    best_of = given.best_of or 1
    if best_of > 1 and not _samples(given):
        yield "you must use sampling when `best_of` is > 1"
    yield from _sampling_problems(given)
    if given.max_new_tokens == 0:
        yield "`max_new_tokens` must be strictly positive"
    if (stops := len(given.stop)) > limits.most_stop_sequences:
        yield (f"`stop` supports up to {limits.most_stop_sequences} stop sequences. Given: {stops}")
    if best_of > 1 and given.seed is not None:
        yield "`seed` must not be set when `best_of` > 1"
    if (top := given.top_n_tokens or 0) > limits.most_top_n_tokens:
        yield f"`top_n_tokens` must be >= 0 and <= {limits.most_top_n_tokens}. Given: {top}"
    if not inputs:
        yield "`inputs` cannot be empty"
    most, truncate = limits.tokens.max_input_tokens, given.truncate
    if truncate is not None and not 0 < truncate <= most:
        yield f"`truncate` must be strictly positive and less than {most}. Given: {truncate}"


def _samples(given: GenerateParameters) -> bool:
    options = (given.temperature, given.top_k, given.top_p, given.typical_p)
    return given.do_sample or any(option is not None for option in options)


def _sampling_problems(given: GenerateParameters) -> Iterator[str]:
    if (given.temperature if given.temperature is not None else 1.0) <= 0.0:
        yield "`temperature` must be strictly positive"
    if (given.repetition_penalty if given.repetition_penalty is not None else 1.0) <= 0.0:
        yield "`repetition_penalty` must be strictly positive"
    if abs(given.frequency_penalty or 0.0) > _LARGEST_FREQUENCY_PENALTY:
        yield "`frequency_penalty` must be >= -2.0 and <= 2.0"
    if given.top_p is not None and not 0.0 < given.top_p < 1.0:
        yield "`top_p` must be > 0.0 and < 1.0"
    if given.typical_p is not None and not 0.0 < given.typical_p < 1.0:
        yield "`typical_p` must be > 0.0 and < 1.0"
    if given.top_k is not None and given.top_k <= 0:
        yield "`top_k` must be strictly positive"


def _check_grammar(grammar: Grammar, limits: RouterLimits) -> None:
    """Return if a grammar is one, as far as the router can tell before the model server.

    Raises:
        RefusedError: if it is none; whether a JSON Schema is a valid one is not looked at.
    """
    if not limits.takes_grammars:
        raise invalid("grammar is not supported")
    schema = grammar.value
    if grammar.type == "regex":
        return
    if grammar.type == "json_schema":
        schema = schema.get("schema") if isinstance(schema, dict) else None
    elif isinstance(schema, str):
        schema = _parsed(schema)
    elif not isinstance(schema, dict):
        raise invalid("grammar is not supported")
    if not isinstance(schema, dict) or "properties" not in schema:
        raise invalid("grammar is not valid: Grammar must have a 'properties' field")


def _parsed(text: str) -> object:
    """Return the JSON that a string holds.

    Raises:
        RefusedError: if it is none.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        fault = (scanned := JsonText(text.encode())).fault
        if fault is None:
            raise invalid("grammar is not valid: trailing characters") from None
        line, column = scanned.place(fault.index)
        raise invalid(
            f"grammar is not valid: {fault.message} at line {line} column {column}"
        ) from None
