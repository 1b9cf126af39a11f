"""vLLM's metrics: names by version, and what one engine shows."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from scalecert.engines.base import Limits, RequestSizes, Sample
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.metrics import reachable_running, token_buckets

VLLM = engine_kind("vllm")
PROFILE = load_profile("vllm_llama-2-7b_h200")
PAGE = Path(__file__).parents[2] / "fixtures" / "golden" / "vllm-h200" / "sample_metrics_B_s110.txt"
_SERIES = re.compile(r"^(vllm:\w+|http_request\w*)(?:\{(.*)\})? ")


def engine(*args: str, requests: int = 200) -> tuple[VllmEngine, RequestLog]:
    """Return an engine in the middle of serving requests that arrive every 20 ms."""
    limits = VLLM.limits(PROFILE, args, {})
    log = RequestLog.of_size(requests)
    started = VLLM.start(PROFILE, limits, log, ordinal=0, model_name="llama", now=0.0)
    assert isinstance(started, VllmEngine)
    arrivals = [0.02 * turn for turn in range(requests)]
    started.offer(range(requests), arrivals, [256] * requests, [64] * requests)
    return started, log


def value(samples: list[Sample], name: str, **labels: str) -> float:
    """Return the value of the one sample with a name and labels."""
    (found,) = [
        sample
        for sample in samples
        if sample.name == name and labels.items() <= dict(sample.labels).items()
    ]
    return found.value


@pytest.mark.parametrize(
    ("version", "present", "absent"),
    [
        ("0.8.5", "vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"),
        ("0.12.0", "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        ("0.12.0", "vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
        ("0.10.2", "vllm:time_per_output_token_seconds", "vllm:num_requests_waiting_by_reason"),
        ("0.16.0", "vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
        ("0.16.0", "vllm:prompt_tokens_by_source_total", "vllm:admission_rejections_total"),
        ("0.11.2", "vllm:request_time_per_output_token_seconds", "vllm:num_requests_swapped"),
        (None, "vllm:num_requests_waiting_by_reason", "vllm:gpu_cache_usage_perc"),
    ],
)
def test_versions_expose_their_own_names(version: str | None, present: str, absent: str) -> None:
    """Metrics come and go with versions; an unknown version is taken for the latest."""
    known = VLLM.metrics(version)
    assert present in known
    assert absent not in known


def test_both_cache_names_lived_side_by_side() -> None:
    """0.9 and 0.10 expose the old and the new name of the KV cache's usage."""
    for version in ("0.9.2", "0.10.2"):
        assert {"vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"} <= set(
            VLLM.metrics(version)
        )


@pytest.mark.parametrize(
    ("name", "version", "today"),
    [
        ("vllm:gpu_cache_usage_perc", "0.24.0", "vllm:kv_cache_usage_perc"),
        ("vllm:kv_cache_usage_perc", "0.8.5", "vllm:gpu_cache_usage_perc"),
        ("vllm:prefix_cache_hits", "0.24.0", "vllm:prefix_cache_hits_total"),
        ("vllm:gpu_prefix_cache_hits", "0.24.0", "vllm:prefix_cache_hits_total"),
        ("vllm:num_requests_waiting_total", None, "vllm:num_requests_waiting"),
        ("vllm_num_requests_running", None, "vllm:num_requests_running"),
        ("num_requests_running", None, "vllm:num_requests_running"),
        ("vllm:num_requests_swapped", "0.24.0", "vllm:num_requests_waiting"),
        (
            "vllm:time_per_output_token_seconds_bucket",
            "0.24.0",
            "vllm:inter_token_latency_seconds_bucket",
        ),
        ("vllm:requests_count_total", "0.24.0", None),
    ],
)
def test_a_name_that_a_version_lacks_leads_to_its_own(
    name: str, version: str | None, today: str | None
) -> None:
    """Renamings in both directions, a missing or superfluous `_total`, another prefix."""
    assert VLLM.replaced_by(name, version) == today


def test_every_metric_is_on_the_page_of_the_real_server() -> None:
    """Names, labels and buckets of 0.24.0 are those that a measured server served."""
    served: dict[str, set[frozenset[str]]] = {}
    for line in PAGE.read_text().splitlines():
        if match := _SERIES.match(line):
            pairs = re.findall(r'(\w+)="([^"]*)"', match.group(2) or "")
            # Which configuration a server has, and what it answered, are its own.
            own = {"model_name", "handler", "status"}
            labels = frozenset(f"{key}={text}" for key, text in pairs if key not in own)
            served.setdefault(match.group(1), set()).add(labels)
    running, _ = engine("--num-gpu-blocks-override", "850")
    running.advance(3.0)
    for samples in running.samples(list(VLLM.metrics("0.24.0"))).values():
        for sample in samples:
            shown = frozenset(
                f"{key}={text}"
                for key, text in sample.labels.items()
                if key not in {"model_name", "handler", "status"}
            )
            if sample.name == "vllm:cache_config_info":
                assert any(shown <= other for other in served[sample.name])
            else:
                assert shown in served[sample.name], sample


def test_series_exist_with_zero_before_the_first_request() -> None:
    """vLLM creates its series when it starts; only HTTP series wait for a request."""
    idle, _ = engine(requests=0)
    for name, samples in idle.samples(list(VLLM.metrics(None))).items():
        if name.startswith("http_"):
            assert samples == []
        else:
            assert samples, name
            ones = {"vllm:engine_sleep_state", "vllm:cache_config_info"}
            assert {sample.value for sample in samples} <= ({0.0, 1.0} if name in ones else {0.0})


def test_gauges_are_those_of_the_last_completed_step() -> None:
    """Running and waiting add up to what the server holds, and usage is blocks over usable."""
    running, _ = engine("--max-num-seqs", "4")
    running.advance(2.0)
    shown = running.samples(list(VLLM.metrics(None)))
    requests = value(shown["vllm:num_requests_running"], "vllm:num_requests_running")
    waiting = value(shown["vllm:num_requests_waiting"], "vllm:num_requests_waiting")
    usage = value(shown["vllm:kv_cache_usage_perc"], "vllm:kv_cache_usage_perc")
    by_reason = shown["vllm:num_requests_waiting_by_reason"]
    assert requests <= 4
    assert waiting > 10
    assert sum(sample.value for sample in by_reason) == waiting
    assert usage == running.shown()[2] / running.kv.usable
    assert 0 < usage < 0.02


def test_counters_count_tokens_and_requests() -> None:
    """When all is served, counters equal what was asked for."""
    running, _ = engine()
    running.advance(math.inf)
    shown = running.samples(list(VLLM.metrics(None)))
    expected = {
        "vllm:prompt_tokens_total": 200 * 256,
        "vllm:generation_tokens_total": 200 * 64,
        "vllm:num_preemptions_total": 0,
    }
    for name, count in expected.items():
        assert value(shown[name], name) == count
    success = "vllm:request_success_total"
    assert value(shown[success], success, finished_reason="length") == 200
    assert value(shown["http_requests_total"], "http_requests_total", status="2xx") == 200


def test_histograms_hold_what_the_clients_saw() -> None:
    """Counts, sums and buckets equal those computed from the log, also when asked twice."""
    running, log = engine()
    costs = PROFILE.spec.costs
    running.advance(2.0)
    name = "vllm:e2e_request_latency_seconds"
    early = value(running.samples([name])[name], f"{name}_count")
    assert 0 < early < 200
    running.advance(math.inf)
    samples = running.samples([name])[name]
    arrivals = 0.02 * np.arange(200) + costs.arrival_seconds
    latencies = np.array(log.last_token_seconds) - costs.delivery_seconds - arrivals
    assert value(samples, f"{name}_count") == 200
    assert value(samples, f"{name}_sum") == pytest.approx(latencies.sum())
    assert value(samples, f"{name}_bucket", le="0.5") == np.sum(latencies <= 0.5)
    assert value(samples, f"{name}_bucket", le="+Inf") == 200


def test_first_tokens_are_observed_before_their_request_finishes() -> None:
    """TTFT is counted with the first token, as prompt tokens are."""
    running, log = engine()
    running.advance(1.0)
    name = "vllm:time_to_first_token_seconds"
    shown = running.samples([name, "vllm:prompt_tokens_total"])
    first = sum(not math.isnan(seconds) for seconds in log.first_token_seconds)
    assert value(shown[name], f"{name}_count") == first
    assert value(shown["vllm:prompt_tokens_total"], "vllm:prompt_tokens_total") == 256 * first


def test_parts_of_a_latency_add_up() -> None:
    """Queue and inference make up the whole, prefill and decode the inference."""
    running, _ = engine("--max-num-seqs", "8")
    running.advance(math.inf)
    families = ["e2e_request_latency", "request_queue_time", "request_inference_time",
                "request_prefill_time", "request_decode_time"]  # fmt: skip
    names = [f"vllm:{family}_seconds" for family in families]
    shown = running.samples(names)
    whole, queue, inference, prefill, decode = (value(shown[name], f"{name}_sum") for name in names)
    assert queue > 1.0
    assert queue + inference == pytest.approx(whole)
    assert prefill + decode == pytest.approx(inference)


def test_step_histogram_has_exact_sum_and_count() -> None:
    """`iteration_tokens_total` sums up all tokens over all steps."""
    running, _ = engine()
    running.advance(math.inf)
    name = "vllm:iteration_tokens_total"
    samples = running.samples([name])[name]
    assert value(samples, f"{name}_sum") == 200 * (256 + 64)
    assert value(samples, f"{name}_count") == running.step


def test_step_histogram_has_every_step() -> None:
    """Its buckets are those of what each step added to the counters of tokens."""
    name = "vllm:iteration_tokens_total"
    counters = ["vllm:generation_tokens_total", "vllm:prompt_tokens_total"]
    running, _ = engine("--max-num-seqs", "24", "--max-num-batched-tokens", "600")
    sizes: list[float] = []
    steps, tokens = 0, 0.0
    while (due := running.next_event_seconds()) < math.inf:
        running.advance(due + 1e-6)
        shown = running.samples(counters)
        now = sum(value(shown[counter], counter) for counter in counters)
        if running.step > steps:
            assert running.step == steps + 1
            sizes.append(now - tokens)
            steps, tokens = running.step, now
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in running.samples([name])[name]
        if sample.name.endswith("_bucket")
    }
    assert max(sizes) > 256
    assert buckets == {bound: sum(size <= bound for size in sizes) for bound in buckets}


def test_maxima_follow_from_the_limits() -> None:
    """Seats bound what runs, blocks too; usage is a fraction; the queue may have no bound."""
    limits = VLLM.limits(PROFILE, ["--max-num-seqs", "32"], {})
    known = VLLM.metrics(None)

    def maximum(name: str, of: Limits) -> float:
        found = known[name].maximum
        assert found is not None
        return found(of)

    assert maximum("vllm:num_requests_running", limits) == 32
    assert maximum("vllm:kv_cache_usage_perc", limits) == 1
    assert maximum("vllm:num_requests_waiting", limits) == math.inf
    few = VLLM.limits(PROFILE, ["--num-gpu-blocks-override", "301"], {})
    assert maximum("vllm:num_requests_running", few) == 300
    assert reachable_running(few, 384) == 12


@pytest.mark.parametrize(
    ("sizes", "running", "cache"),
    [
        (RequestSizes(256.0, 128.0), 18, 1.0),
        (RequestSizes(16.0, 16.0), 32, 96 / 300),
        (RequestSizes(15.5, 0.5), 32, 64 / 300),
    ],
)
def test_what_the_requests_sizes_leave_of_the_maxima(
    sizes: RequestSizes, running: float, cache: float
) -> None:
    """A running request holds its prompt; all seats hold no more than whole requests."""
    limits = VLLM.limits(PROFILE, ["--max-num-seqs=32", "--num-gpu-blocks-override=301"], {})
    known = VLLM.metrics(None)
    found = [
        usual(limits, sizes)
        for name in ("vllm:num_requests_running", "vllm:kv_cache_usage_perc")
        if (usual := known[name].usual_maximum)
    ]
    assert found == [running, pytest.approx(cache)]
    assert known["vllm:num_requests_waiting"].usual_maximum is None


def test_token_buckets_end_with_the_context() -> None:
    """1, 2, 5 per decade, none beyond the longest request."""
    assert token_buckets(4096)[-3:] == (500.0, 1000.0, 2000.0)
    assert token_buckets(1) == (1.0,)


@pytest.mark.parametrize(
    ("image", "recognised", "version"),
    [
        ("vllm/vllm-openai:v0.9.1", True, "0.9.1"),
        ("vllm/vllm-openai:v0.8.5.post1", True, "0.8.5"),
        ("docker.io/vllm/vllm-openai:v0.11.0-cu128@sha256:0a", True, "0.11.0"),
        ("vllm/vllm-openai:latest", True, None),
        ("us-docker.pkg.dev/vertex-ai/dockers/pytorch-vllm-serve:20240930_0945_RC00", True, None),
        ("localhost:5000/vllm", True, None),
        ("ghcr.io/huggingface/text-generation-inference:3.3.7", False, "3.3.7"),
        ("registry/novllmhere:1.0", False, "1.0"),
    ],
)
def test_images_tell_engine_and_version(image: str, recognised: bool, version: str | None) -> None:
    """`vllm` as a word of the path, a version at the start of the tag."""
    assert VLLM.recognises(image) is recognised
    assert VLLM.version_of(image) == version
