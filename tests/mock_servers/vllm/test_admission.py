"""No request makes the mock of vLLM large, however much it asks for."""

from __future__ import annotations

import asyncio

import pytest
from mock_apps import ask
from vllm_backend import backend

from mock_servers.vllm.app import vllm_app

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
LONG = "word " * 4000
MESSAGES = [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (COMPLETIONS, {"prompt": ["a"] * 1024, "n": 17}, "at most 16384 choices, 17408 asked"),
        (COMPLETIONS, {"prompt": "a", "n": 16384, "max_tokens": 200}, "at most 2097152 tokens"),
        (COMPLETIONS, {"prompt": LONG, "n": 600, "echo": True, "max_tokens": 1}, "echoed prompts"),
        (COMPLETIONS, {"prompt": LONG, "n": 30, "echo": True, "logprobs": 20}, "candidates"),
        (CHAT, {"messages": MESSAGES, "n": 600, "ignore_eos": True}, "at most 2097152 tokens"),
    ],
)
def test_what_would_make_the_server_large_is_refused(
    path: str, body: dict[str, object], said: str
) -> None:
    """Choices, tokens, echoes and log probabilities multiply; vLLM itself would take all this."""
    answer = asyncio.run(ask(vllm_app(backend()), "POST", path, body))
    assert answer.status == 400
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("key", ["prompt", "messages"])
@pytest.mark.parametrize("item", [-1, None, {}])
def test_a_list_of_many_mistakes_is_refused_soon(key: str, item: object) -> None:
    """A thousand of them are looked for, ten are told."""
    path = COMPLETIONS if key == "prompt" else CHAT
    body = {key: [item] * (1000 if key == "prompt" and item != -1 else 100_000)}
    answer = asyncio.run(ask(vllm_app(backend()), "POST", path, body))
    assert answer.status == 400
    message = answer.json()["error"]["message"]
    assert int(message.split()[0]) <= 3000
    assert message.endswith("more errors")


@pytest.mark.parametrize("text", ["", "a b a b", "!" * 50, "one 1234 two"])
def test_tokens_and_their_ids_agree(text: str) -> None:
    """As many ids as texts, the same for the same; a list of ids is read at once or one by one."""

    async def run() -> None:
        app = vllm_app(backend())
        told = (
            await ask(app, "POST", "/tokenize", {"prompt": text, "return_token_strs": True})
        ).json()
        pairs = set(zip(told["tokens"], told["token_strs"], strict=True))
        assert len(pairs) == len(set(told["token_strs"]))
        ids = {"tokens": told["tokens"]}
        words = {"tokens": [str(ident) for ident in told["tokens"]]}
        assert (await ask(app, "POST", "/detokenize", ids)).body == (
            await ask(app, "POST", "/detokenize", words)
        ).body

    asyncio.run(run())
