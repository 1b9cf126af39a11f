"""The pipeline end to end: what an HPA reads of pods that a world runs."""

from __future__ import annotations

from scalecert.engines.base import MetricInfo, Sample
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.pipeline import Pipeline
from scalecert.metrics.scrape_config import ScrapeConfig

RUNNING = "vllm:num_requests_running"
GOOGLE_RUNNING = f"prometheus.googleapis.com|{RUNNING}|gauge"
TOKENS = "vllm:generation_tokens_total"
ENGINE = {
    RUNNING: MetricInfo(RUNNING, "gauge", "requests", ("model_name", "engine")),
    TOKENS: MetricInfo(TOKENS, "counter", "tokens", ("model_name", "engine")),
    "vllm:e2e_request_latency_seconds": MetricInfo(
        "vllm:e2e_request_latency_seconds", "histogram", "seconds"
    ),
}
LABELS = {"app": "vllm"}
PORTS = {"metrics": 8000}
APP = parse_selector("app=vllm")


def exposed(value: float, name: str = RUNNING) -> list[Sample]:
    return [Sample(name, {"model_name": "llama", "engine": "0"}, value)]


def make(
    *wanted: tuple[str, str], configs: tuple[ScrapeConfig, ...] = (), **conditions: float
) -> Pipeline:
    policy = MetricsInput("default", "vllm", tuple(WantedMetric(*pair) for pair in wanted), configs)
    return Pipeline(policy, ENGINE, MetricConditions(**conditions), seed=1)


def google(**conditions: float) -> Pipeline:
    return make(("Pods", GOOGLE_RUNNING), **conditions)


def test_pods_metric_is_the_last_ingested_sample_of_each_pod() -> None:
    """A Pods metric shows each selected pod's newest sample, in milli-units, as of the sync."""
    pipeline = google(ingestion_delay=5.0, scrape_latency=0.0)
    first = {name: pipeline.add_pod(name, LABELS, PORTS, "vllm", 0.0) for name in ("a", "b")}
    for number, (name, time) in enumerate(first.items()):
        pipeline.scrape(name, time, exposed(3.0 + number))
    metrics, stamp = pipeline.client(60.0).get_raw_metric(
        GOOGLE_RUNNING, "default", APP, EVERYTHING
    )
    assert {name: one.value_milli for name, one in metrics.items()} == {"a": 3000, "b": 4000}
    assert stamp == 60_000
