"""vLLM's metric families: names, kinds, labels, buckets, and which version has which.

From vllm/v1/metrics/loggers.py and buckets.py of 0.8.5 to 0.33.0, and a page that a real 0.24.0
server served. Where a name came or went between two versions that were read, the middle is
assumed. Families that need a feature the model has not (LoRA, speculative decoding, KV transfer)
are left out, as are `*_created` and the `python_*` and `process_*` of the client library. Of what
the HTTP framework counts, only what policies are written for is here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from scalecert.engines.base import Limits, MetricInfo, RequestSizes
from scalecert.engines.metric_families import Family, families_in, renamed_series
from scalecert.engines.versions import ALL_VERSIONS, Versions
from scalecert.engines.vllm.identity import LATEST

LATENCY = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
)  # fmt: skip
FIRST_TOKEN = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
TOKEN_GAP = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
)  # fmt: skip
STEP_TOKENS = (
    1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0,
)  # fmt: skip
CHOICES = (1.0, 2.0, 5.0, 10.0, 20.0)
PREEMPTIONS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
HTTP = (0.1, 0.5, 1.0)
BY_CONTEXT: tuple[float, ...] = ()
"""Buckets that follow from `max_model_len`: see `token_buckets`."""

ENGINE_LABELS = ("model_name", "engine")


def token_buckets(max_model_len: int) -> tuple[float, ...]:
    """Return 1, 2, 5, 10, ... up to the longest context (build_1_2_5_buckets)."""
    steps = (digit * 10**power for power in range(len(str(max_model_len))) for digit in (1, 2, 5))
    return tuple(float(step) for step in steps if step <= max_model_len)


def reachable_running(limits: Limits, smallest_request_tokens: int) -> float:
    """Return how many requests of at least so many tokens can run at once.

    Tighter than the `maximum` of `vllm:num_requests_running`, which only knows the seats: each
    request holds whole blocks.
    """
    blocks = -(-smallest_request_tokens // limits.integer("block_size"))
    by_blocks = (limits.integer("num_gpu_blocks") - 1) // blocks
    return float(min(limits.integer("max_num_seqs"), by_blocks))


def _seats(limits: Limits) -> float:
    """Every running request has a seat and at least one block."""
    return reachable_running(limits, 1)


def _seats_with_prompts(limits: Limits, sizes: RequestSizes) -> float:
    """A request runs only while its whole prompt is in the cache; its answer may be preempted."""
    return reachable_running(limits, math.ceil(sizes.input_tokens))


def _cache_of_seats(limits: Limits, sizes: RequestSizes) -> float:
    """No more of the cache is used than all seats take with whole answers.

    The last block of each is full at most.
    """
    blocks = (sizes.input_tokens + sizes.output_tokens) / limits.integer("block_size") + 1
    held = limits.integer("max_num_seqs") * blocks
    return min(1.0, held / (limits.integer("num_gpu_blocks") - 1))


def _one(_: Limits) -> float:
    return 1.0


def _queue(limits: Limits) -> float:
    """Requests in the server are bounded, if at all, by its queue limit."""
    return float(limits.values.get("max_num_queued_reqs", float("inf")))


_OLD_CACHE_NAMES = Versions(until="0.11.0")
"""Hidden in 0.11, gone in 0.12; beside the new names in 0.9 and 0.10."""
_NEW_CACHE_NAMES = Versions(since="0.9.0")
_CONNECTORS = Versions(since="0.11.1")
_ESTIMATES = Versions(since="0.17.0")
_QUEUE_LIMITS = Versions(since="0.30.0")
"""Read in 0.33.0 and not in 0.29.0."""


def _gauge(
    name: str,
    unit: str,
    text: str,
    *extra: str,
    maximum: Callable[[Limits], float] | None = None,
    usual_maximum: Callable[[Limits, RequestSizes], float] | None = None,
    versions: Versions = ALL_VERSIONS,
) -> Family:
    return Family(
        f"vllm:{name}",
        "gauge",
        unit,
        text,
        ENGINE_LABELS + extra,
        maximum=maximum,
        usual_maximum=usual_maximum,
        versions=versions,
    )


def _counter(
    name: str, unit: str, text: str, *extra: str, versions: Versions = ALL_VERSIONS
) -> Family:
    labels = ENGINE_LABELS + extra
    return Family(f"vllm:{name}_total", "counter", unit, text, labels, versions=versions)


def _histogram(
    name: str,
    unit: str,
    text: str,
    buckets: tuple[float, ...],
    versions: Versions = ALL_VERSIONS,
) -> Family:
    return Family(
        f"vllm:{name}", "histogram", unit, text, ENGINE_LABELS, buckets, versions=versions
    )


_QUEUE_HELP = "Requests waiting to be processed, preempted ones included."

FAMILIES: tuple[Family, ...] = (
    _counter("estimated_flops_per_gpu", "operations", "Estimated floating point operations.",
             versions=_ESTIMATES),
    _counter("estimated_read_bytes_per_gpu", "bytes", "Estimated bytes read from memory.",
             versions=_ESTIMATES),
    _counter("estimated_write_bytes_per_gpu", "bytes", "Estimated bytes written to memory.",
             versions=_ESTIMATES),
    _gauge(
        "num_requests_running", "requests", "Requests in model execution batches.",
        maximum=_seats, usual_maximum=_seats_with_prompts,
    ),
    _gauge("num_requests_waiting", "requests", _QUEUE_HELP, maximum=_queue),
    _gauge(
        "num_requests_waiting_by_reason", "requests", _QUEUE_HELP, "reason",
        maximum=_queue, versions=Versions(since="0.20.0"),
    ),
    _gauge("engine_sleep_state", "flag", "Which sleep state the engine is in.", "sleep_state",
           maximum=_one, versions=_CONNECTORS),
    _gauge(
        "gpu_cache_usage_perc", "fraction", "KV cache usage, 1 is full.",
        maximum=_one, usual_maximum=_cache_of_seats, versions=_OLD_CACHE_NAMES,
    ),
    _counter("gpu_prefix_cache_queries", "tokens", "Prefix cache queries.",
             versions=_OLD_CACHE_NAMES),
    _counter("gpu_prefix_cache_hits", "tokens", "Prefix cache hits.", versions=_OLD_CACHE_NAMES),
    _gauge(
        "kv_cache_usage_perc", "fraction", "KV cache usage, 1 is full.",
        maximum=_one, usual_maximum=_cache_of_seats, versions=_NEW_CACHE_NAMES,
    ),
    _counter("prefix_cache_queries", "tokens", "Prefix cache queries.", versions=_NEW_CACHE_NAMES),
    _counter("prefix_cache_hits", "tokens", "Prefix cache hits.", versions=_NEW_CACHE_NAMES),
    _counter("external_prefix_cache_queries", "tokens", "Prefix cache queries of KV connectors.",
             versions=_CONNECTORS),
    _counter("external_prefix_cache_hits", "tokens", "Prefix cache hits of KV connectors.",
             versions=_CONNECTORS),
    _counter("mm_cache_queries", "items", "Multi-modal cache queries.", versions=_CONNECTORS),
    _counter("mm_cache_hits", "items", "Multi-modal cache hits.", versions=_CONNECTORS),
    _counter("num_preemptions", "requests", "Preemptions from the engine."),
    _counter("prompt_tokens", "tokens", "Prefill tokens processed."),
    _counter("prompt_tokens_by_source", "tokens", "Prompt tokens by where they came from.",
             "source", versions=Versions(since="0.16.0")),
    _counter("prompt_tokens_cached", "tokens", "Prompt tokens that the cache had.",
             versions=Versions(since="0.16.0")),
    _counter("prompt_tokens_recomputed", "tokens", "Cached prompt tokens computed all the same.",
             versions=Versions(since="0.16.0", until="0.20.0")),
    _counter("prompt_tokens_cached_by_source", "tokens", "Prompt tokens by which cache had them.",
             "source", versions=_QUEUE_LIMITS),
    _counter("generation_tokens", "tokens", "Generation tokens processed."),
    _counter("request_success", "requests", "Finished requests.", "finished_reason"),
    Family("vllm:admission_rejections_total", "counter", "requests",
           "Requests refused at the queue limits.", ("model_name", "reason"),
           versions=_QUEUE_LIMITS),
    _histogram("request_prompt_tokens", "tokens", "Prompt tokens of a request.", BY_CONTEXT),
    _histogram("request_generation_tokens", "tokens", "Output tokens of a request.", BY_CONTEXT),
    _histogram("iteration_tokens_total", "tokens", "Tokens of an engine step.", STEP_TOKENS),
    _histogram("request_max_num_generation_tokens", "tokens",
               "Output tokens of a request's longest choice.", BY_CONTEXT),
    _histogram("request_params_n", "choices", "The n of a request.", CHOICES),
    _histogram("request_params_max_tokens", "tokens", "The max_tokens of a request.", BY_CONTEXT),
    _histogram("time_to_first_token_seconds", "seconds", "From arrival to first token.",
               FIRST_TOKEN),
    _histogram("time_per_output_token_seconds", "seconds", "Between two tokens of a request.",
               TOKEN_GAP, Versions(until="0.12.0")),
    _histogram("inter_token_latency_seconds", "seconds", "Between two tokens of a request.",
               TOKEN_GAP, Versions(since="0.10.1")),
    _histogram("request_time_per_output_token_seconds", "seconds",
               "Mean time per output token after the first of a request.", TOKEN_GAP,
               Versions(since="0.11.0")),
    _histogram("e2e_request_latency_seconds", "seconds", "From arrival to last token.", LATENCY),
    _histogram("request_queue_time_seconds", "seconds", "From arrival to first scheduling.",
               LATENCY),
    _histogram("request_inference_time_seconds", "seconds", "From scheduling to last token.",
               LATENCY),
    _histogram("request_prefill_time_seconds", "seconds", "From scheduling to first token.",
               LATENCY),
    _histogram("request_decode_time_seconds", "seconds", "From first to last token.", LATENCY),
    _histogram("request_num_preemptions", "requests", "Preemptions of a request.", PREEMPTIONS,
               _QUEUE_LIMITS),
    _histogram("request_prefill_kv_computed_tokens", "tokens",
               "Prompt tokens computed, without cached ones.", BY_CONTEXT,
               Versions(since="0.13.0")),
    Family("vllm:cache_config_info", "gauge", "flag", "The KV cache's configuration.",
           ("block_size", "cache_dtype", "engine", "kv_cache_size_tokens", "num_gpu_blocks"),
           maximum=_one),
    Family("http_requests_total", "counter", "requests", "HTTP requests.",
           ("handler", "method", "status")),
    Family("http_request_duration_seconds", "histogram", "seconds",
           "Duration of HTTP requests.", ("handler", "method"), HTTP),
)  # fmt: skip
"""In the order of a server's page; all exist with 0 before the first request, but http ones."""

_RENAMED = {
    "vllm:gpu_cache_usage_perc": "vllm:kv_cache_usage_perc",
    "vllm:cpu_cache_usage_perc": "vllm:kv_cache_usage_perc",
    "vllm:gpu_prefix_cache_queries_total": "vllm:prefix_cache_queries_total",
    "vllm:gpu_prefix_cache_hits_total": "vllm:prefix_cache_hits_total",
    "vllm:gpu_prefix_cache_hit_rate": "vllm:prefix_cache_hits_total",
    "vllm:time_per_output_token_seconds": "vllm:inter_token_latency_seconds",
    "vllm:num_requests_swapped": "vllm:num_requests_waiting",
    "vllm:avg_prompt_throughput_toks_per_s": "vllm:prompt_tokens_total",
    "vllm:avg_generation_throughput_toks_per_s": "vllm:generation_tokens_total",
}
"""Former names, those of the V0 engine included: its swapped requests wait in V1."""


@lru_cache(maxsize=8)
def families(version: str | None) -> Mapping[str, MetricInfo]:
    """Return what is known of every family that a version exposes, by name.

    A version of two numbers, `0.10`, is taken for its last patch.
    """
    version = version or LATEST
    return families_in(f"{version}.99" if version.count(".") == 1 else version, FAMILIES)


def replacement(name: str, version: str | None) -> str | None:
    """Return what a version calls a series that it does not have under `name`.

    Follows renamings in both directions, adds or drops `_total`, and takes `vllm_` and a missing
    prefix for `vllm:`; None if nothing of that leads to a family of this version.
    """
    return renamed_series(name, families(version), _candidates)


def _candidates(name: str) -> list[str]:
    """Return names that `name` may stand for, the likeliest first."""
    stem = name.removeprefix("vllm:").removeprefix("vllm_")
    spellings = [f"vllm:{form}" for form in (stem, f"{stem}_total", stem.removesuffix("_total"))]
    later = [_RENAMED[spelling] for spelling in spellings if spelling in _RENAMED]
    former = [old for spelling in spellings for old, new in _RENAMED.items() if new == spelling]
    return [*spellings, *later, *former]
