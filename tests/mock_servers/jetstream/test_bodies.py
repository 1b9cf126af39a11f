"""Requests that don't fit, as JetStream's two HTTP servers answer them.

What is expected here was answered by FastAPI 0.165 with pydantic 2.14 around the same models.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jetstream_backend import orchestrator
from mock_apps import Answer, ask

from mock_servers.jetstream.http_entry import http_entry
from mock_servers.jetstream.sidecar import sidecar

TEXT = {"text_content": {"text": "a"}}
INTEGER = "Input should be a valid integer"
OBJECT = "Input should be a valid dictionary or object to extract fields from"
FRACTION = f"{INTEGER}, got a number with a fractional part"
NO_INTEGER = f"{INTEGER}, unable to parse string as an integer"


def sent(path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
    """Send one request to the server that has the path; return its answer."""

    async def exchange() -> Answer:
        make = http_entry if path.startswith("/v1") else sidecar
        return await ask(make(orchestrator(), 8192), "POST", path, body, headers)

    return asyncio.run(exchange())


def problem(kind: str, where: list[str | int], message: str, given: object) -> dict[str, object]:
    """Return one entry of a 422."""
    return {"type": kind, "loc": ["body", *where], "msg": message, "input": given}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (TEXT, [problem("missing", ["max_tokens"], "Field required", TEXT)]),
        (
            {"max_tokens": "x", **TEXT},
            [problem("int_parsing", ["max_tokens"], NO_INTEGER, "x")],
        ),
        (
            {"max_tokens": 3.5, **TEXT},
            [problem("int_from_float", ["max_tokens"], FRACTION, 3.5)],
        ),
        ({"max_tokens": None}, [problem("int_type", ["max_tokens"], INTEGER, None)]),
        (
            {"max_tokens": 3, "foo": 1, **TEXT},
            [problem("extra_forbidden", ["foo"], "Extra inputs are not permitted", 1)],
        ),
        (
            {"max_tokens": 3, "text_content": {"text": 5}},
            [problem("string_type", ["text_content", "text"], "Input should be a valid string", 5)],
        ),
        (
            {"max_tokens": 3, "text_content": "a"},
            [problem("model_attributes_type", ["text_content"], OBJECT, "a")],
        ),
        (
            {"max_tokens": 3, "text_content": {}},
            [problem("missing", ["text_content", "text"], "Field required", {})],
        ),
        (
            {"max_tokens": 3, "token_content": {"token_ids": [1, "b", 2.5]}},
            [
                problem("int_parsing", ["token_content", "token_ids", 1], NO_INTEGER, "b"),
                problem("int_from_float", ["token_content", "token_ids", 2], FRACTION, 2.5),
            ],
        ),
        (
            {"max_tokens": 3, "token_content": {"token_ids": 1}, "metadata": {"start_time": []}},
            [
                problem("list_type", ["token_content", "token_ids"], "Input should be a valid list",
                        1),
                problem("float_type", ["metadata", "start_time"], "Input should be a valid number",
                        []),
            ],
        ),
        ([1], [problem("model_attributes_type", [], OBJECT, [1])]),
        (b"", [problem("missing", [], "Field required", None)]),
        (b"null", [problem("missing", [], "Field required", None)]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_field_by_field(body: object, problems: list[Any]) -> None:
    """HTTP 422 in FastAPI's words."""
    answer = sent("/v1/generate", body)
    assert answer.status == 422
    assert answer.json() == {"detail": problems}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        (b'{"max_tokens": 3,', 17, "Expecting property name enclosed in double quotes"),
        (b"{bad}", 1, "Expecting property name enclosed in double quotes"),
        (b'{"max_tokens": 3}xx', 17, "Extra data"),
    ],
)
def test_what_is_no_json_is_said_with_its_place(body: bytes, place: int, reason: str) -> None:
    """HTTP 422, too."""
    found = problem("json_invalid", [place], "JSON decode error", {}) | {"ctx": {"error": reason}}
    assert sent("/v1/generate", body).json() == {"detail": [found]}


def test_what_is_called_something_else_than_json_is_text() -> None:
    """The body is not read as JSON, however well it would fit."""
    answer = sent("/v1/generate", TEXT, {"content-type": "text/plain"})
    raw = json.dumps(TEXT, separators=(",", ":"))
    assert answer.json()["detail"] == [problem("model_attributes_type", [], OBJECT, raw)]


@pytest.mark.parametrize("value", ["3", " 3 ", 3.0, "3.0", True, "+3", "0_3"])
def test_numbers_are_read_leniently(value: object) -> None:
    """As pydantic does."""
    assert sent("/v1/generate", {"max_tokens": value, **TEXT}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 3, **TEXT, "token_content": {"token_ids": [1]}},
        {"max_tokens": 2**31, **TEXT},
        {"max_tokens": 3, "token_content": {"token_ids": [-(2**31) - 1]}},
        b'{"max_tokens": 3, "text_content": {"text": "\\ud800"}}',
        b'{"max_tokens": NaN}',
    ],
)
def test_what_protobuf_does_not_take_fails_the_server(body: object) -> None:
    """HTTP 500: two contents, numbers beyond 32 bits; and what can't even be said again."""
    answer = sent("/v1/generate", body)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "body", [b'{"a": "\xff"}', b'{"max_tokens": %s}' % (b"9" * 5000), b"[" * 8000]
)
def test_what_can_not_be_read_at_all(body: bytes) -> None:
    """HTTP 400: what Python's own JSON raises is not said."""
    answer = sent("/v1/generate", body)
    assert (answer.status, answer.json()) == (
        400,
        {"detail": "There was an error parsing the body"},
    )


def test_no_content_breaks_the_answer_after_its_head() -> None:
    """The exception comes when the first message is asked for."""
    answer = sent("/v1/generate", {"max_tokens": 3})
    assert (answer.status, answer.pieces, answer.complete) == (200, [], False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ({"foo": 1}, 200),
        ({"server": None, "port": None, "prompt": None, "stream": None, "max_tokens": 1}, 200),
        ({"max_tokens": None}, 200),
        ({"max_tokens": -5}, 200),
        ({"stream": "yes"}, 200),
        ({"stream": "maybe"}, 422),
        ({"stream": 2}, 422),
        ({"port": 9000}, 422),
        ({"priority": 1.5}, 422),
        ({"prompt": 5}, 422),
    ],
)
def test_the_sidecar_has_a_default_for_everything(body: object, status: int) -> None:
    """Null too, and what it does not know is passed over."""
    assert sent("/generate", body).status == status


def test_the_sidecar_says_what_went_wrong() -> None:
    """HTTP 500 with the exception's text."""
    answer = sent("/generate", {"max_tokens": 3_000_000_000})
    assert (answer.status, answer.json()) == (500, {"detail": "Value out of range: 3000000000"})
    answer = sent("/generate", b'{"prompt": "\\ud800"}')
    assert answer.status == 500
    assert answer.json()["detail"].endswith("surrogates not allowed")


@pytest.mark.parametrize("path", ["/generate", "/v1/generate"])
def test_a_body_beyond_the_limit_is_not_read(path: str) -> None:
    """The real servers have no limit; this one bounds its memory."""
    assert sent(path, b" " * 9000).status == 413
