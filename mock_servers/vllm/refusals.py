"""What vLLM's API answers to a request that it does not take.

From vllm/entrypoints/serve/exception_handling (error_response.py, handlers) and vllm/exceptions.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from mock_servers.serving.pydantic_fields import Fields


def _without_file(found: re.Match[str]) -> str:
    r"""Return what stands for the longest path at a place: itself, unless it names a file.

    vLLM's `(?:/[\w\-]+)+/[\w\-]+\.\w+` finds the same, but tries every way to divide what is no
    file's: for a message of 40 kB that takes seconds.
    """
    path, suffix = found.groups()
    return "<path>" if suffix and path.count("/") > 1 else found[0]


_HIDDEN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r" at 0x[0-9a-fA-F]+>"), ">"),
    (re.compile(r"/(?:home|usr|opt|var|tmp|root|lib|mnt|srv)(?:/[\w.\-]+)+"), "<path>"),
    (re.compile(r"((?:/[\w\-]+)++)(\.\w+)?"), _without_file),
)
"""What messages do not show: addresses and paths (exception_handling/utils.py)."""
_MOST_PROBLEMS = 10
_MOST_VALUE_CHARACTERS = 200


class RefusalError(Exception):
    """An error that the client is told.

    Attributes:
        status: of HTTP.
        error: the object under `error` in the body.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "BadRequestError",
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        for pattern, shown in _HIDDEN:
            message = pattern.sub(shown, message)
        self.status = status
        self.error = {"message": message.strip(), "type": kind, "param": param, "code": status}

    def body(self) -> bytes:
        """Return the body of the answer."""
        return msgspec.json.encode({"error": self.error})


def invalid(message: str, param: str | None = None, value: object = None) -> RefusalError:
    """Return the refusal of a value that vLLM checks itself (`VLLMValidationError`)."""
    said = [f"parameter={param}"] if param is not None else []
    said += [f"value={value}"] if value is not None else []
    return RefusalError(f"{message} ({', '.join(said)})" if said else message, param=param)


def unknown_model(asked: str, served: str) -> RefusalError:
    """Return the refusal of a model that the server has not."""
    message = f"The model `{asked}` does not exist. Valid aliases: {served}."
    return RefusalError(message, status=404, kind="NotFoundError", param="model")


def busy() -> RefusalError:
    """Return the refusal beyond `--max-num-queued-reqs`."""
    return _unavailable("The engine is currently busy and cannot accept new requests.")


def backlogged() -> RefusalError:
    """Return the refusal beyond `--max-num-queued-tokens`."""
    return _unavailable("The engine has reached its prefill token backlog limit.")


def engine_dead() -> RefusalError:
    """Return what clients are told whose requests the engine will not finish."""
    message = "The server had an error while processing your request."
    return RefusalError(message, status=500, kind="InternalServerError")


def unsupported(message: str) -> RefusalError:
    """Return the refusal of what a server lacks."""
    return RefusalError(message, status=501, kind="NotImplementedError")


def refuse_problems(fields: Fields) -> None:
    """Raise the refusal that tells of all that is wrong with a body, if anything is.

    vllm/entrypoints/serve/exception_handling/handlers/validation.py.
    """
    problems = fields.problems
    if not problems:
        return
    label = "error" if len(problems) == 1 else "errors"
    places = [".".join(map(str, problem.place)) for problem in problems[:_MOST_PROBLEMS]]
    told = [
        f"  {problem.told(place, _summary(problem.given))}\n"
        for problem, place in zip(problems, places, strict=False)
    ]
    if len(problems) > _MOST_PROBLEMS:
        told.append(f"  ...and {len(problems) - _MOST_PROBLEMS} more {label}\n")
    message = f"{len(problems)} validation {label}:\n{''.join(told)}"
    raise RefusalError(message, kind="Bad Request", param=places[0])


def _summary(value: object) -> str:
    """Return what is told of a value: little, however large it is."""
    if isinstance(value, list | dict):
        return f"<{type(value).__name__} of {len(value)} items>"
    shown = str(value)
    if len(shown) > _MOST_VALUE_CHARACTERS:
        return f"{shown[:_MOST_VALUE_CHARACTERS]}...[truncated]"
    return shown


def _unavailable(reason: str) -> RefusalError:
    message = f"{reason} Please try again later or on a different instance."
    return RefusalError(message, status=503, kind="Service Unavailable")
