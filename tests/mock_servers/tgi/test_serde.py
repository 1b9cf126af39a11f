"""The slow reader of refused bodies: it reads what JSON is, and never trips over what is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_servers.tgi.bodies import ChatRequest, CompletionRequest, GenerateRequest
from mock_servers.tgi.body_reading import RejectedBodyError, read
from mock_servers.tgi.serde.text import JsonText

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
KINDS = [GenerateRequest, ChatRequest, CompletionRequest]
BODIES = [
    b'{"inputs": "h\\u00e9llo", "parameters": {"stop": ["a"], "top_p": 1.5e-1, "do_sample": true}}',
    b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "n": 12}',
    b'{"prompt": ["a", "b"], "seed": 42, "stream": false, "stop": null, "x": {"y": [1, {}]}}',
]


@settings(max_examples=100, derandomize=True)
@given(VALUES, st.sampled_from([None, 2]))
def test_json_is_read_as_what_it_is(value: object, indent: int | None) -> None:
    """Whatever Python writes, with and without spaces, is read without a fault."""
    scanned = JsonText(json.dumps(value, indent=indent, ensure_ascii=indent is None).encode())
    assert scanned.fault is None
    assert scanned.value == value


@pytest.mark.parametrize("digits", [400, 5000, 100_000])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_a_number_of_many_digits_is_out_of_range(sign: bytes, digits: int) -> None:
    """As any is that no double holds."""
    body = b'{"inputs": "a", "parameters": {"max_new_tokens": ' + sign + b"9" * digits + b"}}"
    refused = _refusal(body, GenerateRequest)
    assert refused is not None
    assert refused.status == 400
    assert "parameters.max_new_tokens: number out of range at line 1" in refused.text


@settings(max_examples=100, derandomize=True)
@given(st.sampled_from(BODIES), st.integers(0, 100), st.binary(max_size=3), st.sampled_from(KINDS))
def test_whatever_is_sent_is_read_or_refused_with_a_place(
    body: bytes, index: int, more: bytes, kind: type
) -> None:
    """A body that is cut, or has anything in its middle, is answered with 400 or 422."""
    for sent in (body[:index], body[:index] + more + body[index:], more):
        refused = _refusal(sent, kind)
        assert refused is None or refused.status in (400, 422)
        assert refused is None or " at line " in refused.text


def test_a_place_is_counted_in_lines_and_bytes() -> None:
    """Lines from 1, columns in bytes of UTF-8."""
    scanned = JsonText('\n\n{"é": 1 x'.encode())
    assert scanned.fault is not None
    assert scanned.place(scanned.fault.index) == (3, 10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_body_may_be_followed_by_anything(kind: type) -> None:
    """axum looks at no byte after the value."""
    body = next(body for body in BODIES if _refusal(body, kind) is None)
    assert read(body + b" and so on", kind) == read(body, kind)


def test_a_body_of_very_many_values_is_refused_unread() -> None:
    """Reading it would keep others waiting; one string may be as long as it likes."""
    refused = _refusal(b'{"inputs": "a", "x": [' + b"1," * 50_000 + b"}", GenerateRequest)
    assert refused is not None
    assert refused.status == 422
    assert read(b'{"inputs": "' + b"a" * 500_000 + b'"} and so on', GenerateRequest)


def test_keys_that_stand_in_other_places_are_not_keys_twice() -> None:
    """Of tools and unknown fields, or in a prompt."""
    body = b'{"messages": [], "x": {"model": 1, "seed": "\\"seed\\""}, "model": "a", "seed": 1}'
    assert read(body, ChatRequest).seed == 1


def _refusal(body: bytes, kind: type) -> RejectedBodyError | None:
    """Return why a body is refused, None if it is read."""
    try:
        read(body, kind)
    except RejectedBodyError as rejected:
        return rejected
    return None
