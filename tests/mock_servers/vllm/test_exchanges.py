"""The mock answers as vLLM's own code does (fixtures/golden/vllm-api-0.33.0)."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from mock_apps import Answer, ask
from vllm_backend import backend

from mock_servers.vllm.app import vllm_app

GOLDEN = Path(__file__).parents[3] / "fixtures" / "golden" / "vllm-api-0.33.0" / "exchanges.json"
EXCHANGES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
FLAGS = ("--max-model-len", "64", "--model", "/models/m", "--served-model-name", "m")


def _normal(body: str) -> str:
    """Return a body without what differs each time."""
    body = re.sub(r"(cmpl|modelperm)-[0-9a-f]{16}\b", r"\1-ID", body)
    body = re.sub(r'"created":\d{10}\b', '"created":0', body)
    return re.sub(r"vllm-0\.33\.0-[0-9a-f]{8}\b", "vllm-0.33.0-HASH", body)


async def _answer(exchange: dict[str, Any]) -> Answer:
    app = vllm_app(backend(*FLAGS))
    body = exchange["body"].encode()
    return await ask(app, exchange["method"], exchange["path"], body, exchange["headers"])


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[one["title"] for one in EXCHANGES])
def test_an_answer_is_the_one_that_vllm_gives(exchange: dict[str, Any]) -> None:
    """Status, content type and every byte of the body, but for ids and times."""
    answer = asyncio.run(_answer(exchange))
    assert answer.status == exchange["status"]
    assert answer.headers.get("content-type", "") == exchange["content_type"]
    assert _normal(answer.body.decode()) == exchange["answer"]
    assert answer.complete
