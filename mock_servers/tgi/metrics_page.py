"""The page of /metrics as the router's exporter writes it.

Counters, gauges, then histograms and summaries; a line that says what a family is where the router
has described it, its type, its samples and an empty line. Numbers are printed as Rust prints them.
A family that has not been used does not exist (metrics-exporter-prometheus 0.15.3, src/recorder.rs;
within a kind its order is that of a hash map, here that of the table).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mock_servers.tgi.numbers import decimal
from scalecert.engines.base import MetricInfo, Sample

_HELP: Mapping[str, str] = {
    "tgi_request_success": "Number of successful requests",
    "tgi_request_count": "Total number of requests",
    "tgi_request_duration": "Request duration",
    "tgi_request_validation_duration": "Request validation duration",
    "tgi_request_queue_duration": "Request queue duration",
    "tgi_request_inference_duration": "Request inference duration",
    "tgi_request_mean_time_per_token_duration": "Mean time per token per request",
    "tgi_request_generated_tokens": "Generated tokens per request",
    "tgi_request_max_new_tokens": "Maximum new tokens per request",
    "tgi_request_input_length": "Input token length per request",
    "tgi_request_skipped_tokens": "Speculated tokens per request",
    "tgi_batch_inference_count": "Inference calls per method (prefill or decode)",
    "tgi_batch_inference_success": (
        "Number of successful inference calls per method (prefill or decode)"
    ),
    "tgi_batch_inference_duration": "Batch inference duration",
    "tgi_batch_forward_duration": "Batch forward duration per method (prefill or decode)",
    "tgi_batch_decode_duration": "Time spent decoding a batch per method (prefill or decode)",
    "tgi_batch_filter_duration": (
        "Time spent filtering batches and sending generated tokens per method (prefill or decode)"
    ),
    "tgi_batch_next_size": "Batch size of the next batch",
    "tgi_batch_current_size": "Current batch size",
    "tgi_batch_current_max_tokens": "Maximum tokens for the current batch",
    "tgi_queue_size": "Current queue size",
}
"""What the router says of its families; it says nothing of failures and of concatenations."""
_KINDS = ("counter", "gauge", "histogram", "summary")


def metrics_page(families: Iterable[tuple[MetricInfo, Sequence[Sample]]]) -> bytes:
    """Return the page of families with their samples."""
    shown = [(info, samples) for info, samples in families if samples]
    shown.sort(key=lambda family: _KINDS.index(family[0].kind))
    return "".join(_family(info, samples) for info, samples in shown).encode()


def _family(info: MetricInfo, samples: Sequence[Sample]) -> str:
    name = info.name
    described = f"# HELP {name} {_HELP[name]}\n" if name in _HELP else ""
    lines = "".join(f"{one.name}{_labels(one)} {decimal(one.value)}\n" for one in samples)
    return f"{described}# TYPE {name} {info.kind}\n{lines}\n"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    return "{" + ",".join(f'{name}="{value}"' for name, value in sample.labels.items()) + "}"
