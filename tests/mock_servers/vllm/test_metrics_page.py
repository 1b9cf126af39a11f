"""The metrics page of the vLLM mock: names, labels and buckets of real servers; honest counts."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from mock_apps import ask
from prometheus_client.parser import text_string_to_metric_families
from vllm_backend import backend

from mock_servers.serving.backend import Backend
from mock_servers.vllm.app import vllm_app

SAMPLE = Path(__file__).parents[3] / "fixtures" / "golden" / "vllm-h200"
COMPLETIONS = "/v1/completions"
Series = dict[tuple[str, str], set[frozenset[str]]]


async def _page(app: object) -> str:
    return (await ask(app, "GET", "/metrics")).body.decode()


def _series(page: str) -> Series:
    """Return of each family and kind the label names, and bounds, of its samples."""
    found: Series = defaultdict(set)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            bound = {f"le={sample.labels['le']}"} if "le" in sample.labels else set()
            found[sample.name, family.type].add(frozenset({*sample.labels, *bound}))
    return found


def _value(page: str, name: str, **labels: str) -> float:
    """Return the value of the one sample with a name and labels."""
    (value,) = [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return float(value)


def _after(
    requests: Callable[[object], Awaitable[object]], *words: str, answer_tokens: int = 5
) -> str:
    """Return the page of a server that has answered requests."""

    async def run() -> str:
        app = vllm_app(backend(*words, answer_tokens=answer_tokens))
        await requests(app)
        return await _page(app)

    return asyncio.run(run())


def _fresh(made: Backend) -> str:
    return asyncio.run(_page(vllm_app(made)))


def test_the_page_of_0_24_is_the_one_that_a_real_server_served() -> None:
    """Every series of the measured page is there with its labels, buckets and kind, and no other.

    `vllm:*`, `http_*`, `process_*` and `python_*` alike.
    """
    measured = (SAMPLE / "sample_metrics_B_s110.txt").read_text().partition("\n")[2]

    async def one_request() -> str:
        app = vllm_app(backend("--max-model-len", "4096", metrics_version="0.24"))
        await ask(app, "POST", COMPLETIONS, {"prompt": "a", "max_tokens": 1})
        return await _page(app)

    ours, theirs = _series(asyncio.run(one_request())), _series(measured)
    assert set(ours) == set(theirs)
    assert ours == theirs


def test_families_stand_in_the_order_of_a_real_page() -> None:
    """The page reads like the measured one from top to bottom."""
    measured = (SAMPLE / "sample_metrics_B_s110.txt").read_text()

    def names(page: str) -> list[str]:
        return [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")]

    ours = _fresh(backend("--max-model-len", "4096", metrics_version="0.24"))
    shown = names(ours)
    assert [name for name in names(measured) if name in shown] == shown


NEWER_THAN_0_24 = {
    "vllm:prompt_tokens_cached_by_source_total",
    "vllm:admission_rejections_total",
    "vllm:request_num_preemptions",
}


def _families(version: str) -> set[str]:
    page = _fresh(backend(metrics_version=version))
    lines = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE vllm:")]
    return {name for name in lines if not name.endswith("_created")}


def test_0_33_adds_three_families_to_those_of_0_24() -> None:
    """That is all that changed among the series that are always there."""
    assert _families("0.33") - _families("0.24") == NEWER_THAN_0_24
    assert _families("0.24") < _families("0.33")


@pytest.mark.parametrize(
    ("version", "present", "absent"),
    [
        (
            "0.8",
            {"vllm:gpu_cache_usage_perc", "vllm:time_per_output_token_seconds"},
            {"vllm:kv_cache_usage_perc", "vllm:inter_token_latency_seconds"},
        ),
        (
            "0.10",
            {"vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc",
             "vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"},
            {"vllm:engine_sleep_state", "vllm:request_time_per_output_token_seconds"},
        ),
        (
            "0.12",
            {"vllm:engine_sleep_state", "vllm:mm_cache_hits_total"},
            {"vllm:gpu_cache_usage_perc", "vllm:prompt_tokens_cached_total",
             "vllm:request_prefill_kv_computed_tokens"},
        ),
    ],
)  # fmt: skip
def test_older_versions_have_their_own_names(
    version: str, present: set[str], absent: set[str]
) -> None:
    """`--metrics-version` shows what that version's logger creates."""
    shown = _families(version)
    assert present <= shown
    assert not absent & shown


@pytest.mark.parametrize(
    ("version", "reasons"),
    [("0.8", 3), ("0.12", 3), ("0.16", 4), ("0.24", 5), ("0.33", 5)],
)
def test_versions_know_as_many_reasons_to_finish(version: str, reasons: int) -> None:
    """`error` and `repetition` came later."""
    page = _fresh(backend(metrics_version=version))
    lines = [line for line in page.splitlines() if line.startswith("vllm:request_success_total{")]
    assert len(lines) == reasons


def test_series_are_there_from_the_start_but_those_of_requests_over_http() -> None:
    """vLLM's are 0; the instrumentator's wait for a request, but for the one without labels."""
    page = _fresh(backend())
    named = {name for name, _ in _series(page) if name.startswith("http_")}
    assert {name.rpartition("_")[0] for name in named} == {"http_request_duration_highr_seconds"}
    ones = ("vllm:cache_config_info", 'sleep_state="awake"')
    for line in page.splitlines():
        if line.startswith("vllm:") and "_created{" not in line:
            assert line.endswith(" 1.0" if any(one in line for one in ones) else " 0.0"), line


def test_choices_of_one_prompt_are_one_request_to_some_histograms() -> None:
    """`n` and the longest answer are observed once a request, tokens and ends once a choice."""

    async def requests(app: object) -> None:
        await ask(app, "POST", COMPLETIONS, {"prompt": ["a", "b c"], "max_tokens": 3, "n": 2})

    page = _after(requests)
    assert _value(page, "vllm:request_params_n_count") == 2
    assert _value(page, "vllm:request_params_n_sum") == 4
    assert _value(page, "vllm:request_max_num_generation_tokens_sum") == 6
    assert _value(page, "vllm:request_params_max_tokens_sum") == 12
    assert _value(page, "vllm:request_success_total", finished_reason="length") == 4
    assert _value(page, "vllm:prompt_tokens_total") == 6
    assert _value(page, "vllm:generation_tokens_total") == 12
    assert _value(page, "vllm:e2e_request_latency_seconds_count") == 4


def test_an_answer_that_nobody_bounds_ends_by_itself() -> None:
    """It counts as stopped, and its bound is what there was room for."""

    async def requests(app: object) -> None:
        chat = {"messages": [{"role": "user", "content": "hello"}]}
        answer = await ask(app, "POST", "/v1/chat/completions", chat)
        (choice,) = answer.json()["choices"]
        assert choice["finish_reason"] == "stop"
        assert answer.json()["usage"]["completion_tokens"] == 5

    page = _after(requests, "--max-model-len", "100")
    assert _value(page, "vllm:request_success_total", finished_reason="stop") == 1
    assert _value(page, "vllm:request_params_max_tokens_sum") == 100 - 6
    assert _value(page, "vllm:request_generation_tokens_sum") == 5


def test_requests_whose_clients_left_raise_no_count_of_requests() -> None:
    """Their tokens count, and HTTP's 2xx; no end, no latency but the first token's."""

    async def requests(app: object) -> None:
        body = {"prompt": "a b c", "max_tokens": 2000, "stream": True}
        answer = await ask(app, "POST", COMPLETIONS, body, leave_after=3)
        assert not answer.complete
        await ask(app, "POST", COMPLETIONS, body | {"stream": False}, leave_after=0)
        await ask(app, "POST", COMPLETIONS, {"prompt": "a", "max_tokens": 1})

    page = _after(requests)
    for reason in ("stop", "length", "abort"):
        expected = 1 if reason == "length" else 0
        assert _value(page, "vllm:request_success_total", finished_reason=reason) == expected
    assert _value(page, "vllm:e2e_request_latency_seconds_count") == 1
    assert _value(page, "vllm:request_params_n_count") == 1
    assert 3 <= _value(page, "vllm:generation_tokens_total") < 2000
    assert _value(page, "vllm:num_requests_running") == 0
    assert _value(page, "http_requests_total", status="2xx") == 3


def test_http_requests_are_counted_by_handler_method_and_status() -> None:
    """Unknown paths and methods have no handler; health and metrics are not counted."""

    async def requests(app: object) -> None:
        await ask(app, "POST", COMPLETIONS, {"prompt": "a", "max_tokens": 1})
        await ask(app, "POST", COMPLETIONS, {"prompt": ""})
        await ask(app, "POST", COMPLETIONS, {"prompt": "a", "model": "other"})
        await ask(app, "GET", "/nowhere")
        await ask(app, "GET", COMPLETIONS)
        for path in ("/health", "/ping", "/version", "/load", "/metrics"):
            await ask(app, "GET", path)

    page = _after(requests)
    count = "http_requests_total"
    assert _value(page, count, handler=COMPLETIONS, method="POST", status="2xx") == 1
    assert _value(page, count, handler=COMPLETIONS, method="POST", status="4xx") == 2
    assert _value(page, count, handler="none", method="GET", status="4xx") == 2
    assert _value(page, "http_request_duration_highr_seconds_count") == 5
    assert _value(page, "http_request_duration_seconds_count", handler=COMPLETIONS) == 3
    assert _value(page, "http_request_size_bytes_sum", handler="none") == 0


def test_latencies_are_the_models_whatever_the_speed() -> None:
    """A thousand times as fast, an answer of 100 tokens has still taken seconds."""

    async def requests(app: object) -> None:
        await ask(app, "POST", COMPLETIONS, {"prompt": "a", "max_tokens": 100})

    page = _after(requests)
    seconds = _value(page, "vllm:e2e_request_latency_seconds_sum")
    assert seconds > 3.0
    assert _value(page, "http_request_duration_seconds_sum") >= seconds


def test_the_configuration_of_the_cache_is_told() -> None:
    """Blocks, block size and usage of memory are those of the command line."""
    page = _fresh(backend("--num-gpu-blocks-override", "500", "--no-enable-prefix-caching"))
    told = _value(
        page,
        "vllm:cache_config_info",
        num_gpu_blocks="500",
        num_gpu_blocks_override="500",
        block_size="16",
        enable_prefix_caching="False",
        kv_cache_size_tokens="8000",
    )
    assert told == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_reads_the_page() -> None:
    """`promtool check metrics` parses it; what it says of names is vLLM's own doing."""
    promtool = shutil.which("promtool")
    assert promtool is not None
    page = _fresh(backend())
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page.encode(), capture_output=True, check=False
    )
    assert done.returncode in (0, 3)
    assert b"error while linting" not in done.stderr


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("TEXT", "TEXT named_metrics.num_requests_waiting=0.0, named_metrics.kv_cache_usage_perc="),
        ("json", 'JSON {"named_metrics": {"num_requests_waiting": 0.0, "kv_cache_usage_perc": '),
        ("BIN", ""),
        ("", ""),
    ],
)
def test_load_balancers_are_told_the_load_with_a_whole_answer(form: str, told: str) -> None:
    """In the form that they ask for (ORCA); streams tell nothing."""

    async def run() -> list[str]:
        app = vllm_app(backend())
        headers = {"endpoint-load-metrics-format": form}
        body = {"prompt": "a", "max_tokens": 1}
        answers = [
            await ask(app, "POST", COMPLETIONS, body | {"stream": stream}, headers)
            for stream in (False, True)
        ]
        return [answer.headers.get("endpoint-load-metrics", "") for answer in answers]

    whole, streamed = asyncio.run(run())
    assert whole.startswith(told)
    assert bool(whole) is bool(told)
    assert not streamed


@pytest.mark.parametrize(("path", "status"), [("/health/", 307), ("/metrics/", 200)])
def test_a_slash_too_many_leads_to_the_path_without(path: str, status: int) -> None:
    """As FastAPI redirects it; only the metrics are served under both."""
    answer = asyncio.run(ask(vllm_app(backend()), "GET", path))
    assert answer.status == status
    expected = "http://test/health" if status == 307 else None
    assert answer.headers.get("location") == expected
