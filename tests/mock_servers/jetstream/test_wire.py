"""JetStream's messages as bytes: a client made from the whole definition understands them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jetstream_client import generated

from mock_servers.jetstream.wire import (
    DecodeRequest,
    WireError,
    check_health_request,
    decode_response,
    health_response,
    read_decode_request,
)

MESSAGES, _ = generated()

int32s = st.integers(-(2**31), 2**31 - 1)
texts = st.text(max_size=20)
floats = st.floats(width=32, allow_nan=False)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    max_tokens=int32s,
    content=st.none() | texts | st.lists(int32s, max_size=8),
    start=st.none() | floats,
    has_bos=st.booleans(),
    priority=int32s,
    adapter=texts,
)
def test_reads_what_protobuf_writes(
    max_tokens: int,
    content: str | list[int] | None,
    start: float | None,
    has_bos: bool,
    priority: int,
    adapter: str,
) -> None:
    """Every field that has an effect arrives; those that have none are passed over."""
    message = MESSAGES.DecodeRequest(
        max_tokens=max_tokens,
        has_bos=has_bos,
        priority=priority,
        session_cache=adapter,
        lora_adapter_id=adapter,
        num_samples=priority,
    )
    if isinstance(content, str):
        message.text_content.CopyFrom(MESSAGES.DecodeRequest.TextContent(text=content))
    elif content is not None:
        message.token_content.CopyFrom(MESSAGES.DecodeRequest.TokenContent(token_ids=content))
    if start is not None:
        message.metadata.start_time = start
    read = read_decode_request(message.SerializeToString())
    assert read == DecodeRequest(
        max_tokens=max_tokens,
        text=content if isinstance(content, str) else None,
        token_ids=tuple(content) if isinstance(content, list) else None,
        start_time=start or 0.0,
        has_bos=has_bos,
    )
    assert read.has_no_content is (content is None)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(text=texts, ids=st.lists(st.integers(0, 2**31 - 1), max_size=4))
def test_protobuf_reads_what_is_written(text: str, ids: list[int]) -> None:
    """A response has one sample, whatever is in it."""
    message = MESSAGES.DecodeResponse.FromString(decode_response(text, ids))
    (sample,) = message.stream_content.samples
    assert (sample.text, list(sample.token_ids)) == (text, ids)


@pytest.mark.parametrize("is_live", [True, False])
def test_protobuf_reads_the_health(is_live: bool) -> None:
    """Also false, which is an empty message."""
    message = MESSAGES.HealthCheckResponse.FromString(health_response(is_live=is_live))
    assert message.is_live is is_live


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05abc", b"\x80" * 11, b"\x0d\x01"])
def test_bytes_that_are_no_message(data: bytes) -> None:
    """Numbers and fields that do not end."""
    with pytest.raises(WireError):
        check_health_request(data)
