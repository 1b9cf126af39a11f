"""What the router says of requests without an answer (InferError, router/src/infer/mod.rs)."""

from __future__ import annotations

import msgspec


class RefusedError(Exception):
    """A request that gets no answer.

    Args:
        status: of HTTP, where the head has not been sent yet.
        message: for the client.
        kind: the router's word for it, `error_type`.
    """

    def __init__(self, status: int, message: str, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = msgspec.json.encode({"error": message, "error_type": kind})
        """Of an answer that is not streamed, and what an event of TGI's own API has."""
        self.openai_body = msgspec.json.encode(
            {"error": {"message": message, "http_status_code": _IN_EVENTS}}
        )
        """What an event on /v1 has; its status code is the same whatever happened."""


_IN_EVENTS = 422


def overloaded() -> RefusedError:
    """Return that all permits are taken."""
    return RefusedError(429, "Model is overloaded", "overloaded")


def invalid(problem: str) -> RefusedError:
    """Return that a request's parameters or prompt are not taken."""
    return RefusedError(422, f"Input validation error: {problem}", "validation")


def tool_error(problem: str) -> RefusedError:
    """Return that tools and what is asked for do not go together."""
    return RefusedError(422, f"Tool error: {problem}", "tool_error")


def unhealthy() -> RefusedError:
    """Return that the model server does not answer."""
    return RefusedError(503, "unhealthy", "healthcheck")


def incomplete() -> RefusedError:
    """Return that an answer ended before its end."""
    return RefusedError(500, "Incomplete generation", "incomplete_generation")
