"""Whatever a body holds, the mock of vLLM answers it, and never with an error of its own."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_apps import ask
from vllm_backend import backend

from mock_servers.vllm.app import vllm_app

_SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 70) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["3", "a b c", 10**30, "\ud800", "yes", -1, 0, 1, 2.0])
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = st.sampled_from([
    "model", "prompt", "messages", "max_tokens", "max_completion_tokens", "min_tokens", "n",
    "stream", "stream_options", "stop", "stop_token_ids", "echo", "logprobs", "top_logprobs",
    "prompt_logprobs", "temperature", "top_p", "ignore_eos", "return_token_ids", "request_id",
    "truncate_prompt_tokens", "tools", "tool_choice", "tokens", "suffix", "seed", "user",
])  # fmt: skip
_GOOD = st.sampled_from([
    {}, {"prompt": "a b"}, {"prompt": [1, 2]}, {"messages": [{"role": "user", "content": "a"}]},
    {"prompt": "a", "stream": True}, {"prompt": ["a", "b"], "n": 2},
])  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"]
)
def test_any_object_is_answered(path: str) -> None:
    """With 200, or with a refusal that has its status in its body; a stream to its end."""

    @settings(max_examples=80, derandomize=True, deadline=None)
    @given(_GOOD, st.dictionaries(_FIELDS, _VALUES, max_size=3))
    def check(good: dict[str, object], odd: dict[str, object]) -> None:
        body = json.dumps(good | odd).encode()
        answer = asyncio.run(ask(vllm_app(backend("--max-model-len", "64")), "POST", path, body))
        assert answer.complete
        if answer.status == 200:
            streams = answer.headers["content-type"].startswith("text/event-stream")
            assert not streams or answer.body.endswith(b"data: [DONE]\n\n")
        else:
            assert answer.status in (400, 404, 501)
            assert answer.json()["error"]["code"] == answer.status

    check()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/tokenize"])
@pytest.mark.parametrize("message", [None, "a", [1], {"content": [None]}])
def test_what_is_no_message_is_refused(path: str, message: object) -> None:
    """Found by the test above; now always looked at."""
    answer = asyncio.run(ask(vllm_app(backend()), "POST", path, {"messages": [message]}))
    assert answer.status == 400


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=30))
def test_any_bytes_are_answered(body: bytes) -> None:
    """What is no JSON is refused, however it is broken."""
    answer = asyncio.run(ask(vllm_app(backend()), "POST", "/v1/completions", body))
    assert answer.status == 400
    assert set(answer.json()) in ({"error"}, {"detail"})
