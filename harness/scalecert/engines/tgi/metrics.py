"""TGI's metric families: names, kinds, labels and buckets.

From router/src/server.rs, router/src/infer/mod.rs, router/src/validation.rs and backends/v3/src of
3.3.7. No series has labels that name the model or the server; counters have no `_total`; and none
exists before its first use: before the first request the page is empty.
`tgi_batch_max_total_tokens` is none of them: the router sets it after warm-up
(backends/v3/src/lib.rs, connect_backend), before it installs its exporter (router/src/server.rs,
start), so no server shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import accumulate, repeat

from scalecert.engines.base import Limits, MetricInfo, RequestSizes
from scalecert.engines.metric_families import Family, families_in, renamed_series
from scalecert.engines.tgi.identity import LATEST
from scalecert.engines.tgi.scheduler_limits import SEGMENT_TOKENS

DURATION = tuple(accumulate(repeat(1.5, 35), lambda bound, factor: bound * factor, initial=1e-4))[
    1:
]
"""Buckets of every name that ends in `duration`, seconds."""
BATCH_SIZE = tuple(float(size) for size in range(1, 1025))
BY_INPUT: tuple[float, ...] = ()
"""Hundredths of `max_input_tokens`: see `hundredths`."""
BY_TOTAL: tuple[float, ...] = (0.0,)
"""Hundredths of `max_total_tokens`, likewise."""


def hundredths(tokens: int) -> tuple[float, ...]:
    """Return 100 equal buckets up to so many tokens."""
    return tuple(tokens / 100.0 * (index + 1) for index in range(100))


def _room(limits: Limits) -> float:
    """Return the tokens that can be reserved: one block is for health checks."""
    return float(limits.integer("max_batch_total_tokens") - limits.integer("block_size"))


def _pool(limits: Limits) -> float:
    return float(limits.integer("max_batch_total_tokens"))


def _permits(limits: Limits) -> float:
    return float(limits.integer("max_concurrent_requests"))


def _seats(limits: Limits) -> float:
    """Every running request has a permit and at least one block."""
    seats = min(_permits(limits), _room(limits) // limits.integer("block_size"))
    largest = limits.integer("max_batch_size")
    return seats if limits.values["chunking"] or not largest else min(seats, float(largest))


def _usual_batch(limits: Limits, sizes: RequestSizes) -> float:
    """Return how many requests of such sizes have room: all of their tokens are reserved."""
    reserved = sizes.input_tokens + min(sizes.output_tokens, float(SEGMENT_TOKENS))
    return min(_seats(limits), _pool(limits) / reserved)


def _usual_queue(limits: Limits, sizes: RequestSizes) -> float:
    """Return the permits that a full batch leaves: beyond them requests are refused."""
    return max(0.0, _permits(limits) - _usual_batch(limits, sizes))


def _counter(name: str, unit: str, text: str, *labels: str) -> Family:
    return Family(f"tgi_{name}", "counter", unit, text, labels)


def _duration(name: str, text: str, *labels: str) -> Family:
    return Family(f"tgi_{name}_duration", "histogram", "seconds", text, labels, DURATION)


FAMILIES: tuple[Family, ...] = (
    Family("tgi_queue_size", "gauge", "requests", "Requests in the queue, now.",
           maximum=_permits, usual_maximum=_usual_queue),
    Family("tgi_batch_current_size", "gauge", "requests", "Requests in the running batch.",
           maximum=_seats, usual_maximum=_usual_batch),
    Family("tgi_batch_current_max_tokens", "gauge", "tokens",
           "Tokens that the running batch has reserved.", maximum=_room),
    Family("tgi_batch_next_size", "histogram", "requests", "Requests that joined at once.",
           buckets=BATCH_SIZE),
    _counter("batch_concat", "batches", "Times that requests joined a running batch.", "reason"),
    _counter("batch_inference_count", "batches", "Steps begun.", "method"),
    _counter("batch_inference_success", "batches", "Steps completed.", "method"),
    _counter("batch_inference_failure", "batches", "Steps failed.", "method"),
    _duration("batch_inference", "Duration of a step.", "method"),
    _duration("batch_forward", "The model's part of a step.", "method"),
    _duration("batch_decode", "The detokenizer's part of a step.", "method"),
    _duration("batch_filter", "Time to hand out a step's tokens.", "method"),
    _duration("batch_concat", "Time to put two batches together.", "method"),
    _counter("request_count", "requests", "Requests that came; on /v1 each counts twice."),
    _counter("request_success", "requests", "Requests answered."),
    _counter("request_failure", "requests", "Requests not answered.", "err"),
    _duration("request", "From arrival to last token."),
    _duration("request_validation", "Until in the queue: tokenizing and checking."),
    _duration("request_queue", "From the queue to a batch."),
    _duration("request_inference", "From the batch to the last token, prefill included."),
    _duration("request_mean_time_per_token",
              "Inference by output tokens, queueing left out, prefill included."),
    Family("tgi_request_input_length", "histogram", "tokens", "Prompt tokens of a request.",
           buckets=BY_INPUT),
    Family("tgi_request_max_new_tokens", "histogram", "tokens",
           "New tokens asked for, 1,024 at most: again for each segment of a longer answer.",
           buckets=BY_TOTAL),
    Family("tgi_request_generated_tokens", "histogram", "tokens", "Output tokens of a request.",
           buckets=BY_TOTAL),
    Family("tgi_request_skipped_tokens", "summary", "tokens",
           "Tokens of a message beyond its first: only speculation makes any.", ("quantile",)),
)  # fmt: skip
"""In the order of reference."""

_MEANT = {
    "tgi_batch_size": "tgi_batch_current_size",
    "tgi_batch_max_tokens": "tgi_batch_current_max_tokens",
    "tgi_queue": "tgi_queue_size",
    "tgi_request_queue_size": "tgi_queue_size",
    "tgi_queue_duration": "tgi_request_queue_duration",
    "tgi_requests": "tgi_request_count",
    "tgi_time_per_token_duration": "tgi_request_mean_time_per_token_duration",
}
"""Names that are asked for but were never exposed; the second stands in the help texts of 3.3."""


@cache
def families() -> Mapping[str, MetricInfo]:
    """Return what is known of every family, by name; versions do not differ."""
    return families_in(LATEST, FAMILIES)


def replacement(name: str) -> str | None:
    """Return what TGI calls a series that it does not have under `name`, None if nothing is near.

    Adds or drops `_total`, takes `tgi:` and a missing prefix for `tgi_`, and follows names that
    are often taken for another's.
    """
    return renamed_series(name, families(), _candidates)


def _candidates(name: str) -> list[str]:
    """Return names that `name` may stand for, the likeliest first."""
    stem = "tgi_" + name.removeprefix("tgi:").removeprefix("tgi_")
    bare = stem.removesuffix("_total")
    return [stem, bare, *(_MEANT[spelling] for spelling in (stem, bare) if spelling in _MEANT)]
