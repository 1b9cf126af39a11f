"""JetStream's metric families: names, kinds, labels, buckets, and which version has which.

From jetstream/core/metrics/prometheus.py and core/orchestrator.py of v0.2.2, v0.3 and the main
branch. The label `model_name` is left out: only PyTorch's newest server can be told one, MaxText's
never tells. `*_created`, `python_*` and `process_*` of the client library are left out, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from scalecert.engines.base import Limits, MetricInfo
from scalecert.engines.jetstream.identity import LATEST
from scalecert.engines.jetstream.pipeline_limits import BUCKETS
from scalecert.engines.metric_families import Family, families_in, renamed_series
from scalecert.engines.versions import ALL_VERSIONS, Versions

QUEUE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
FIRST_TOKEN = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
OUTPUT_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
PROMPT_TOKEN = (
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1,
)  # fmt: skip
REQUEST = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0)
PROMPT_TOKENS = tuple(map(float, BUCKETS))
OUTPUT_TOKENS = (
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5,
    5e5, 1e6, 2e6,
)  # fmt: skip

_RENAMED_IN = "0.2.3"
"""The PyTorch image of that tag has JetStream of the commit that renamed it."""
_FROM_0_3 = Versions(since="0.3")
_FROM_MAIN = Versions(since="0.3.1")


def _at_most(value: float) -> Callable[[Limits], float]:
    return lambda _: value


def _gauge(
    name: str,
    unit: str,
    text: str,
    *extra: str,
    most: float | None = None,
    versions: Versions = ALL_VERSIONS,
) -> Family:
    maximum = None if most is None else _at_most(most)
    return Family(name, "gauge", unit, text, ("id", *extra), maximum=maximum, versions=versions)


def _histogram(name: str, unit: str, text: str, buckets: tuple[float, ...]) -> Family:
    return Family(
        f"jetstream_{name}", "histogram", unit, text, ("id",), buckets, versions=_FROM_0_3
    )


FAMILIES: tuple[Family, ...] = (
    _gauge("jetstream_prefill_backlog_size", "requests",
           "Requests that wait for the prefill thread; not those in its hands or behind it."),
    _gauge("jetstream_transfer_backlog_size", "requests",
           "Always 0: the server reads the backlog's length once, when it starts.", "idx",
           most=0.0, versions=_FROM_0_3),
    _gauge("jetstream_generate_backlog_size", "requests",
           "Always 0: the server reads the backlog's length once, when it starts.", "idx",
           most=0.0, versions=_FROM_0_3),
    _gauge("jetstream_slots_used_percentage", "fraction",
           "Decode slots in use, a fraction: 1 is all of them.", "idx", most=1.0,
           versions=Versions(since=_RENAMED_IN)),
    Family("jetstream_slots_available_percentage", "gauge", "fraction",
           "Decode slots that are free, a fraction: 1 is all of them.", ("id", "idx"),
           maximum=_at_most(1.0), versions=Versions(until=_RENAMED_IN)),
    _gauge("jetstream_server_startup_latency", "seconds", "Start of the server.",
           versions=_FROM_0_3),
    _gauge("jetstream_model_load_time", "seconds", "Loading of the model.", versions=_FROM_MAIN),
    _gauge("num_requests_waiting", "requests",
           "Requests in the backlogs of prefill, transfer and generate.", versions=_FROM_MAIN),
    _gauge("kv_cache_utilization_perc", "percent", "Decode slots in use, 100 is all of them.",
           most=100.0, versions=_FROM_MAIN),
    _gauge("lora_request_info", "seconds", "Unix time of the last generate step.",
           "max_lora", "running_lora_adapters", versions=_FROM_MAIN),
    Family("jetstream_request_success_count_total", "counter", "requests", "Finished requests.",
           ("id",), versions=_FROM_0_3),
    _histogram("request_input_length", "tokens", "Prompt tokens of a request.", PROMPT_TOKENS),
    _histogram("request_output_length", "tokens", "Generate steps of a request.", OUTPUT_TOKENS),
    _histogram("queue_duration", "seconds",
               "Of a request in the backlogs of prefill, transfer and generate.", QUEUE),
    _histogram("time_to_first_token", "seconds",
               "From leaving the prefill backlog to the first token: without the queue.",
               FIRST_TOKEN),
    _histogram("time_per_output_token", "seconds",
               "From the end of prefill to the last token, by generate steps: with the wait for a"
               " slot.", OUTPUT_TOKEN),
    _histogram("time_per_prefill_token", "seconds", "Prefill by prompt tokens.", PROMPT_TOKEN),
    _histogram("time_per_request", "seconds",
               "From the end of prefill to the last token: not end to end.", REQUEST),
    _histogram("wait_time_per_request", "seconds",
               "Of a request neither in prefill nor in a slot; only of clients that send when they"
               " started.", QUEUE),
)  # fmt: skip
"""Gauges exist when the server is up, but for LoRA's; all others from their first observation."""

_ANOTHER = {
    "jetstream_slots_available_percentage": "jetstream_slots_used_percentage",
    "jetstream_slots_used": "jetstream_slots_used_percentage",
    "jetstream_slots_used_percent": "jetstream_slots_used_percentage",
    "jetstream_slots_used_perc": "jetstream_slots_used_percentage",
    "jetstream_slots_percentage": "jetstream_slots_used_percentage",
    "jetstream_prefill_backlog": "jetstream_prefill_backlog_size",
    "jetstream_prefill_queue_size": "jetstream_prefill_backlog_size",
    "jetstream_queue_size": "jetstream_prefill_backlog_size",
    "jetstream_backlog_size": "jetstream_prefill_backlog_size",
    "jetstream_transfer_backlog": "jetstream_transfer_backlog_size",
    "jetstream_generate_backlog": "jetstream_generate_backlog_size",
    "jetstream_time_to_first_token_seconds": "jetstream_time_to_first_token",
    "jetstream_time_per_output_token_seconds": "jetstream_time_per_output_token",
    "jetstream_num_requests_waiting": "num_requests_waiting",
    "jetstream_kv_cache_utilization_perc": "kv_cache_utilization_perc",
    "jetstream_kv_cache_utilization": "kv_cache_utilization_perc",
    "num_requests_waiting": "jetstream_prefill_backlog_size",
    "kv_cache_utilization_perc": "jetstream_slots_used_percentage",
    "jetstream_transfer_backlog_size": "jetstream_prefill_backlog_size",
    "jetstream_generate_backlog_size": "jetstream_prefill_backlog_size",
}
"""Other spellings, and what a version has instead of a family of a later one."""


@lru_cache(maxsize=8)
def families(version: str | None) -> Mapping[str, MetricInfo]:
    """Return what is known of every family that a version exposes, by name."""
    return families_in(version or LATEST, FAMILIES)


def replacement(name: str, version: str | None) -> str | None:
    """Return what a version calls a series that it does not have under `name`.

    Follows the renaming of the slots' gauge in both directions, adds or drops `_total` and the
    prefix, and takes `jetstream:` for `jetstream_`; None if nothing leads to a family of this
    version.
    """
    return renamed_series(name, families(version), _candidates)


def _candidates(name: str) -> list[str]:
    """Return names that `name` may stand for, the likeliest first."""
    stem = name.replace("-", "_").replace(":", "_").removeprefix("jetstream_")
    spellings = [
        f"{prefix}{form}"
        for prefix in ("jetstream_", "")
        for form in (stem, f"{stem}_total", stem.removesuffix("_total"))
    ]
    later = [_ANOTHER[spelling] for spelling in spellings if spelling in _ANOTHER]
    further = [_ANOTHER[spelling] for spelling in later if spelling in _ANOTHER]
    meant = {*spellings, *later}
    former = [old for old, new in _ANOTHER.items() if new in meant]
    return [*spellings, *later, *further, *former]
