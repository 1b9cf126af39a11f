"""The mock answers as TGI's own router does (fixtures/golden/tgi-router-3.3.7)."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import tgi_backend
from mock_apps import Answer, ask

from mock_servers.tgi.app import tgi_app

GOLDEN = Path(__file__).parents[3] / "fixtures" / "golden" / "tgi-router-3.3.7" / "exchanges.json"
EXCHANGES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
TIMES = re.compile(r"x-(compute|total|validation|queue|inference)-time|x-time-per-token")
OF_EVERY_ANSWER = {"content-length", "vary", "access-control-allow-origin", "cache-control"}


def _normal(body: str) -> str:
    """Return a body without what differs each time."""
    body = re.sub(r'"created":\d+', '"created":0', body)
    return re.sub(r'"seed":\d{6,}', '"seed":"SEED"', body)


def _headers(answer: Answer) -> dict[str, str]:
    """Return the headers of an answer; what took how long is a number."""
    shown = {name: text for name, text in answer.headers.items() if name not in OF_EVERY_ANSWER}
    for name, text in shown.items():
        if TIMES.fullmatch(name):
            assert float(text) >= 0.0
            shown[name] = "N"
    return shown


async def _answer(exchange: dict[str, Any]) -> Answer:
    app = tgi_app(tgi_backend.backend())
    body = exchange["body"].encode(errors="surrogateescape")
    headers = {"content-type": "", **exchange["headers"]}
    return await ask(app, exchange["method"], exchange["path"], body, headers)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[one["title"] for one in EXCHANGES])
def test_an_answer_is_the_one_that_the_router_gives(exchange: dict[str, Any]) -> None:
    """Status, headers and every byte of the body, but for times and random seeds."""
    answer = asyncio.run(_answer(exchange))
    assert answer.status == exchange["status"]
    assert _headers(answer) == exchange["answered_headers"]
    assert _normal(answer.body.decode()) == exchange["answer"]
    assert answer.complete
