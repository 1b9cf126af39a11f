"""`--api-key` and VLLM_API_KEY guard the mock's API as they guard vLLM's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from mock_apps import ask
from vllm_backend import backend

from mock_servers.vllm.app import vllm_app
from scalecert.engines.flags import listed_values


def _statuses(path: str, *words: str, env: Mapping[str, str] | None = None) -> list[int]:
    """Return what no key, a wrong one, another scheme and each right one are answered with."""

    async def run() -> list[int]:
        app = vllm_app(backend(*words, env=env))
        given = ["", "Bearer other", "Basic one", "Bearer one", "bearer two"]
        answers = [await ask(app, "GET", path, headers={"authorization": key}) for key in given]
        assert all(a.body == b'{"error":"Unauthorized"}' for a in answers if a.status == 401)
        return [answer.status for answer in answers]

    return asyncio.run(run())


def test_the_api_is_guarded_and_the_rest_is_not() -> None:
    """Any of the keys will do; probes and metrics need none."""
    keys = ("--api-key", "one", "two", "--max-model-len", "100")
    assert _statuses("/v1/models", *keys) == [401, 401, 401, 200, 200]
    assert _statuses("/v1/nowhere", *keys) == [401, 401, 401, 404, 404]
    assert _statuses("/health", *keys) == [200] * 5
    assert _statuses("/metrics", *keys) == [200] * 5
    assert _statuses("/v1/models") == [200] * 5


def test_the_variable_is_taken_where_no_flag_is() -> None:
    """As deployments give it, from a secret."""
    env = {"VLLM_API_KEY": "one"}
    assert _statuses("/v1/models", env=env) == [401, 401, 401, 200, 401]
    assert _statuses("/v1/models", "--api-key=two", env=env) == [401, 401, 401, 401, 200]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--name", "a", "b", "--other"], ["a", "b"]),
        (["--name=a", "b"], ["a"]),
        (["--name", "a", "--na_me", "--name", "c"], ["c"]),
        (["--other", "a"], []),
        (["--name"], []),
    ],
)
def test_flags_may_have_several_values(words: list[str], values: list[str]) -> None:
    """Up to the next flag; the last time counts."""
    assert listed_values(words, "--name") == values
