"""How a client asks vLLM: `/v1/completions`, with the ids of a prompt's tokens.

From vllm/entrypoints/openai/completion/protocol.py: ids are taken as they are, so a prompt has
exactly as many tokens as ids, and `ignore_eos` makes an answer as long as it was asked to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.flags import listed_values
from scalecert.engines.vllm.model_name import served_name

IDLE_SECONDS = 5.0
"""uvicorn's `timeout_keep_alive`, which `VLLM_HTTP_TIMEOUT_KEEP_ALIVE` sets (vllm/envs.py)."""
_TOKEN_ID = b"100"
"""Of an ordinary token in any vocabulary: neither a control token nor beyond the smallest."""


def client(port: int, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
    """Return the client of a server.

    Args:
        port: on which it listens.
        words: of its command line, as a shell has split them.
        env: the container's plain variables.
    """
    named = served_name(words, env)
    key = next(iter(listed_values(words, "--api-key")), env.get("VLLM_API_KEY", ""))
    return ApiClient(
        port=port,
        streamed=_call(named, stream=True),
        whole=_call(named, stream=False),
        headers={"authorization": f"Bearer {key}"} if key else {},
        idle_seconds=_idle_seconds(env),
    )


def _call(named: str | None, *, stream: bool) -> Call:
    model = b'"model":%s,' % msgspec.json.encode(named) if named else b""
    ending = b"true" if stream else b"false"
    return Call(
        path="/v1/completions",
        before=b'{%s"prompt":[' % model,
        word=_TOKEN_ID,
        separator=b",",
        between=b'],"max_tokens":',
        after=b',"ignore_eos":true,"temperature":0,"stream":%s}' % ending,
        piece_end=b"\n\n",
        token=b'"text":',
        tokens_mark=b'"completion_tokens":',
        unready=b"",
    )


def _idle_seconds(env: Mapping[str, str]) -> float:
    text = env.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "")
    return float(text) if text.isdecimal() else IDLE_SECONDS
