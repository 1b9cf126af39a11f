"""JetStream's HTTP servers and its metrics port as applications: paths, bodies, disconnects."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jetstream_backend import backend, orchestrator
from mock_apps import Answer, ask
from prometheus_client.parser import text_string_to_metric_families
from virtual_loop import run_in_virtual_time

from mock_servers.jetstream.http_entry import http_entry
from mock_servers.jetstream.metrics_page import MetricsPage, metrics_app
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.jetstream.sidecar import sidecar
from mock_servers.jetstream.wire import DecodeRequest

MOST = 1 << 20
ENTRY = {"max_tokens": 3, "text_content": {"text": "one two"}}


def objects(answer: Answer) -> list[Any]:
    """Return the JSON objects of a stream that has nothing between them."""
    found, text = [], answer.body.decode()
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def asked(
    make: Callable[[Orchestrator, int], Any],
    method: str,
    path: str,
    body: object = b"",
    *,
    ready: bool = True,
) -> Answer:
    """Return what an application answers to one request."""

    async def exchange() -> Answer:
        return await ask(make(orchestrator(ready=ready), MOST), method, path, body)

    return asyncio.run(exchange())


def test_messages_are_protobufs_json_with_nothing_between() -> None:
    """MaxText's token too many included, and the empty sample at the end."""
    answer = asked(http_entry, "POST", "/v1/generate", ENTRY)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert len(answer.pieces) == 6  # the last one is empty: the end
    assert answer.complete
    samples = [one["streamContent"]["samples"] for one in objects(answer)]
    assert [len(one) for one in samples] == [1] * 5
    assert samples[-1] == [{}]
    assert all(set(one) == {"text", "tokenIds"} for (one,) in samples[:-1])
    assert (
        answer.pieces[-2] == b'{\n  "streamContent": {\n    "samples": [\n      {}\n    ]\n  }\n}'
    )


def test_ids_are_answered_with_ids() -> None:
    """A client that tokenizes by itself gets no text."""
    body = {"max_tokens": 1, "token_content": {"token_ids": [5, 6]}}
    first, *_ = objects(asked(http_entry, "POST", "/v1/generate", body))
    (sample,) = first["streamContent"]["samples"]
    assert list(sample) == ["tokenIds"]


def test_the_sidecar_answers_with_the_whole_text_or_with_objects() -> None:
    """The same words either way; each object has an id of its own and the time."""
    body = {"prompt": "one two", "max_tokens": 3}
    whole = asked(sidecar, "POST", "/generate", body)
    assert whole.headers["content-type"] == "application/json"
    assert whole.body.startswith(b'{\n    "response": "')
    streamed = asked(sidecar, "POST", "/generate", body | {"stream": True})
    assert streamed.headers["content-type"] == "application/json"
    chunks = objects(streamed)
    assert "".join(chunk["text"] for chunk in chunks) == whole.json()["response"]
    assert [set(chunk) for chunk in chunks] == [{"id", "time_created", "text"}] * 5
    assert not chunks[-1]["text"]
    ids = {chunk["id"] for chunk in chunks}
    assert len(ids) == 5
    assert all(re.fullmatch("generate-[0-9a-f]{32}", one) for one in ids)


def test_roots_and_health() -> None:
    """As both servers write them, down to the indentation."""
    assert asked(http_entry, "GET", "/").body == b'{\n    "message": "JetStream HTTP Server"\n}'
    assert asked(sidecar, "GET", "/").body == b'{\n    "message": "HTTP Server for JetStream"\n}'
    health = asked(http_entry, "GET", "/v1/health")
    assert (health.status, health.body) == (200, b'{\n    "is_live": "True"\n}')
    check = asked(sidecar, "GET", "/healthcheck")
    assert (check.status, check.json()) == (200, {"response": {"is_live": True}})


def test_the_sidecar_is_there_before_the_model() -> None:
    """It can't reach the server then: 500, and a broken answer where it was begun."""
    check = asked(sidecar, "GET", "/healthcheck", ready=False)
    assert (check.status, check.json()) == (500, {"detail": "Healthcheck failed"})
    answer = asked(sidecar, "POST", "/generate", {}, ready=False)
    assert answer.status == 500
    assert "StatusCode.UNAVAILABLE" in answer.json()["detail"]
    stream = asked(sidecar, "POST", "/generate", {"stream": True}, ready=False)
    assert (stream.status, stream.pieces, stream.complete) == (200, [], False)


@pytest.mark.parametrize("make", [http_entry, sidecar])
def test_other_paths_and_methods(make: Callable[[Orchestrator, int], Any]) -> None:
    """404, 405 with what is allowed, and a redirect to the path without its last slash."""
    missing = asked(make, "GET", "/nope")
    assert (missing.status, missing.json()) == (404, {"detail": "Not Found"})
    wrong = asked(make, "DELETE", "/")
    assert (wrong.status, wrong.json()) == (405, {"detail": "Method Not Allowed"})
    assert wrong.headers["allow"] == "GET"
    path = "/v1/generate" if make is http_entry else "/generate"
    redirect = asked(make, "POST", f"{path}/?a=1", {})
    assert redirect.status == 307
    assert redirect.headers["location"] == f"http://test{path}?a=1"


@pytest.mark.parametrize("leave_after", [1, None])
def test_a_client_that_leaves_frees_nothing(leave_after: int | None) -> None:
    """Its request decodes to its end and is counted as a success, as all others are."""

    async def scrape() -> tuple[bool, float]:
        server = backend(clock=asyncio.get_running_loop().time)
        app = http_entry(Orchestrator(server), MOST)
        body = ENTRY | {"max_tokens": 50}
        await ask(app, "POST", "/v1/generate", body, leave_after=leave_after)
        counter = "jetstream_request_success_count_total"
        decodes = not server.pacer.samples([counter])[counter]
        await asyncio.sleep(10.0)
        (done,) = server.pacer.samples([counter])[counter]
        return decodes, done.value

    assert run_in_virtual_time(scrape()) == (leave_after is not None, 1.0)


def page_of(*, ready: bool = True, fixed: bool = False, requests: int = 0) -> dict[str, list[Any]]:
    """Return the samples of the metrics port by family, two seconds after some requests came."""

    async def scrape() -> Answer:
        server = backend(ready=ready, clock=asyncio.get_running_loop().time)
        serving = Orchestrator(server)
        for _ in range(requests):
            serving.decode(DecodeRequest(400, "one two"))
        await asyncio.sleep(2.0)
        page = MetricsPage(server, serving, fixed_gauges=fixed)
        return await ask(metrics_app(page, MOST), "GET", "/whatever")

    text = run_in_virtual_time(scrape()).body.decode()
    return {
        family.name: family.samples
        for family in text_string_to_metric_families(text)
        if not family.name.startswith(("python_", "process_"))
    }


def test_metrics_have_heads_before_the_model_is_there() -> None:
    """Gauges have samples from then on, histograms after their first observation."""
    before = page_of(ready=False)
    assert "jetstream_prefill_backlog_size" in before
    assert not any(before.values())
    idle = page_of()
    assert idle["jetstream_prefill_backlog_size"][0].value == 0.0
    assert not idle["jetstream_queue_duration"]


@pytest.mark.parametrize("fixed", [False, True])
def test_two_gauges_are_always_zero_unless_they_are_fixed(fixed: bool) -> None:
    """As many requests as to park some: both backlogs have one place, and it is taken."""
    found = page_of(fixed=fixed, requests=40)
    for name in ("jetstream_transfer_backlog_size", "jetstream_generate_backlog_size"):
        assert found[name][0].value == (1.0 if fixed else 0.0)


def test_the_metrics_port_answers_on_any_path_but_not_to_any_method() -> None:
    """As prometheus_client's server does; `name[]` restricts it to some samples."""

    async def answers() -> tuple[Answer, Answer, Answer]:
        server = backend()
        app = metrics_app(MetricsPage(server, Orchestrator(server), fixed_gauges=False), MOST)
        name = "jetstream_prefill_backlog_size"
        return (
            await ask(app, "GET", f"/?name[]={name}"),
            await ask(app, "POST", "/metrics"),
            await ask(app, "GET", "/favicon.ico"),
        )

    some, posted, icon = asyncio.run(answers())
    families = list(text_string_to_metric_families(some.body.decode()))
    assert [family.name for family in families] == ["jetstream_prefill_backlog_size"]
    assert some.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert posted.status == 405
    assert posted.headers["allow"] == "OPTIONS,GET"
    assert (icon.status, icon.body) == (200, b"")
