"""The page of /metrics: as the real router's exporter writes it, with what the router counts."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import tgi_backend
from mock_apps import Answer, ask
from prometheus_client.parser import text_string_to_metric_families

from mock_servers.tgi.app import TgiRoutes, tgi_app
from mock_servers.tgi.numbers import decimal, json_float

GOLDEN = Path(__file__).parents[3] / "fixtures" / "golden" / "tgi-router-3.3.7" / "metrics.txt"
CHAT = {"messages": [{"role": "user", "content": "hello world"}]}
LIMIT_SECONDS = 30.0


def described(page: str) -> set[str]:
    """Return the lines that say what families are."""
    return {line for line in page.splitlines() if line.startswith("#")}


def series(page: str) -> set[str]:
    """Return the names and labels of all samples; why batches were joined is left open."""
    lines = (line for line in page.splitlines() if line and not line.startswith("#"))
    return {re.sub('reason="[a-z_]+"', "reason", line.rpartition(" ")[0]) for line in lines}


def values(page: str) -> dict[str, str]:
    """Return the samples that are neither of buckets nor of sums."""
    rows = (line.rpartition(" ") for line in page.splitlines() if line and line[0] != "#")
    return {name: value for name, _, value in rows if "_bucket" not in name}


async def page_of(app: TgiRoutes) -> str:
    """Return what /metrics answers."""
    answer = await ask(app, "GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.body.decode()


async def posted(app: TgiRoutes, path: str, body: object, **leaving: int) -> Answer:
    """Send a request."""
    return await ask(app, "POST", path, body, **leaving)


def generate(tokens: int, **more: object) -> dict[str, object]:
    """Return the body of a request for so many tokens."""
    return {"inputs": "hello world", "parameters": {"max_new_tokens": tokens, **more}}


async def until(app: TgiRoutes, series: str) -> None:
    """Wait until a series exists."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while series not in values(await page_of(app)):
            await asyncio.sleep(0.001)


async def as_recorded() -> str:
    """Return the page after the requests of the real router's."""
    app = tgi_app(tgi_backend.backend("--max-concurrent-requests", "3", speed=200.0))
    running = [asyncio.create_task(posted(app, "/generate", generate(40)))]
    await until(app, "tgi_batch_current_size")
    running += [asyncio.create_task(posted(app, "/generate", generate(41 + n))) for n in range(2)]
    await asyncio.sleep(0)
    assert (await posted(app, "/generate", generate(1))).status == 429
    await asyncio.gather(*running)
    await posted(app, "/v1/chat/completions", CHAT | {"max_tokens": 3})
    await posted(app, "/v1/completions", {"prompt": "hello", "max_tokens": 3})
    await posted(app, "/generate", {"inputs": ""})
    await posted(app, "/generate", generate(200), leave_after=0)
    await until(app, 'tgi_request_failure{err="dropped"}')
    return await page_of(app)


def test_the_page_has_the_series_of_the_real_one() -> None:
    """Names, labels, buckets, types and descriptions, and the counts of what the router did."""
    page, real = asyncio.run(as_recorded()), GOLDEN.read_text()
    assert described(page) == described(real)
    assert series(page) == series(real)
    shown, expected = values(page), values(real)
    counts = [name for name in expected if name.startswith("tgi_request") and "_sum" not in name]
    for name in counts:
        if "skipped" not in name and "duration" not in name:
            assert shown[name] == expected[name], name


def test_a_fresh_page_is_empty() -> None:
    """No series exists before its first use."""
    assert asyncio.run(page_of(tgi_app(tgi_backend.backend()))) == ""


def test_the_official_parser_reads_the_page() -> None:
    """Every family has its kind, and histograms add up."""
    families = list(text_string_to_metric_families(asyncio.run(as_recorded())))
    kinds = {family.name: family.type for family in families}
    assert kinds["tgi_queue_size"] == "gauge"
    assert kinds["tgi_request_duration"] == "histogram"
    assert kinds["tgi_request_skipped_tokens"] == "summary"
    for family in families:
        if family.type != "histogram":
            continue
        counts = [one for one in family.samples if one.name.endswith("_count")]
        for count in counts:
            ends = [
                one
                for one in family.samples
                if one.labels == {**count.labels, "le": "+Inf"} and one.name.endswith("_bucket")
            ]
            assert [one.value for one in ends] == [count.value]


CASES: list[tuple[str, str, dict[str, object], dict[str, int]]] = [
    ("generate", "/generate", generate(2), {"count": 1, "success": 1}),
    ("generate_stream", "/generate_stream", generate(2), {"count": 1, "success": 1}),
    ("compatible", "/", generate(2), {"count": 1, "success": 1}),
    ("chat", "/v1/chat/completions", CHAT | {"max_tokens": 2}, {"count": 2, "success": 1}),
    (
        "chat stream",
        "/v1/chat/completions",
        CHAT | {"max_tokens": 2, "stream": True},
        {"count": 2, "success": 1},
    ),
    (
        "completions of two prompts",
        "/v1/completions",
        {"prompt": ["a", "b"], "max_tokens": 2},
        {"count": 3, "success": 2},
    ),
    (
        "completions of one streamed",
        "/v1/completions",
        {"prompt": "a", "max_tokens": 2, "stream": True},
        {"count": 2, "success": 1},
    ),
    ("suffix", "/v1/completions", {"prompt": "a", "suffix": "b"}, {"count": 1, "validation": 1}),
    ("five prompts", "/v1/completions", {"prompt": list("abcde")}, {"count": 1, "validation": 1}),
    (
        "chat invalid",
        "/v1/chat/completions",
        CHAT | {"max_tokens": 0},
        {"count": 2, "validation": 1},
    ),
    ("tokenize", "/tokenize", {"inputs": "a"}, {}),
    ("chat_tokenize", "/chat_tokenize", CHAT, {"count": 1}),
    (
        "best of two",
        "/generate",
        generate(2, best_of=2, do_sample=True),
        {"count": 1, "success": 1},
    ),
    ("best of three", "/generate", generate(2, best_of=3, do_sample=True), {"count": 1}),
    ("invalid", "/generate", {"inputs": ""}, {"count": 1, "validation": 1}),
    ("invalid stream", "/generate_stream", {"inputs": ""}, {"count": 1, "validation": 1}),
    ("no body", "/generate", {"inputs": 1}, {}),
]
NAMES = {
    "count": "tgi_request_count",
    "success": "tgi_request_success",
    "validation": 'tgi_request_failure{err="validation"}',
}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_request_counts_as_often_as_the_router_counts_it(
    path: str, body: dict[str, object], expected: dict[str, int]
) -> None:
    """Measured at the real router: twice on /v1, not at all where no request is read."""

    async def counted() -> dict[str, int]:
        app = tgi_app(tgi_backend.backend())
        await posted(app, path, body)
        shown = values(await page_of(app))
        return {word: int(shown[name]) for word, name in NAMES.items() if name in shown}

    assert asyncio.run(counted()) == expected


def test_who_leaves_is_dropped_and_gives_the_permit_back_at_once() -> None:
    """A second client is served beside the first one's last step; no failure but the drop."""

    async def page_after() -> str:
        backend = tgi_backend.backend("--max-concurrent-requests", "1", speed=100.0)
        app = tgi_app(backend)
        await posted(app, "/generate_stream", generate(300), leave_after=2)
        assert backend.pacer.outstanding() == 0
        second = await posted(app, "/generate", generate(2))
        assert second.status == 200
        await until(app, 'tgi_request_failure{err="dropped"}')
        return await page_of(app)

    shown = values(asyncio.run(page_after()))
    assert shown['tgi_request_failure{err="dropped"}'] == "1"
    assert 'tgi_request_failure{err="overloaded"}' not in shown
    assert shown["tgi_request_success"] == "1"
    assert shown["tgi_batch_current_size"] == "0"
    assert shown["tgi_queue_size"] == "0"


def test_headers_tell_the_times_that_the_histograms_observe() -> None:
    """The seconds of one answer are the sums of its histograms."""

    async def answered() -> tuple[Answer, str]:
        app = tgi_app(tgi_backend.backend())
        return await posted(app, "/generate", generate(7)), await page_of(app)

    answer, page = asyncio.run(answered())
    shown = values(page)
    total = float(answer.headers["x-compute-time"])
    assert total == pytest.approx(float(shown["tgi_request_duration_sum"]), rel=1e-9)
    for header, family in {
        "x-total-time": "tgi_request_duration_sum",
        "x-validation-time": "tgi_request_validation_duration_sum",
        "x-queue-time": "tgi_request_queue_duration_sum",
        "x-inference-time": "tgi_request_inference_duration_sum",
        "x-time-per-token": "tgi_request_mean_time_per_token_duration_sum",
    }.items():
        assert int(answer.headers[header]) == pytest.approx(float(shown[family]) * 1000.0, abs=1.0)


@pytest.mark.parametrize(
    ("number", "plain", "json"),
    [
        (1.0, "1", "1.0"),
        (0.1, "0.1", "0.1"),
        (1e-7, "0.0000001", "1e-7"),
        (1e-5, "0.00001", "0.00001"),
        (1e20, "100000000000000000000", "1e20"),
        (-0.0, "-0", "-0.0"),
        (1.5e300, "15" + "0" * 299, "1.5e300"),
    ],
)
def test_numbers_are_written_as_rust_writes_them(number: float, plain: str, json: str) -> None:
    """Without an exponent on the page, as short as possible in JSON."""
    assert decimal(number) == plain
    assert json_float(number) == json
