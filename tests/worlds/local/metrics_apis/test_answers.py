"""The metrics APIs' documents, as the autoscaler's clients decode them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.quantity import parse_quantity
from scalecert.worlds.local.metrics_apis import answers
from scalecert.worlds.local.metrics_apis.answers import ContainerUse, PodUse
from scalecert.worlds.local.metrics_apis.requests import Asked

NOW = 1_790_000_000.25
STAMP = "2026-09-21T14:13:20.250Z"
PODS = Asked("custom", "v1beta2", "team", "queue", "pods", "*")


def test_custom_metrics_are_a_list_of_values_by_object() -> None:
    """Each value names its object, its metric and the time of the request."""
    found = answers.custom_metrics(PODS, {"a": 1500, "b": 0}, NOW)
    assert found["kind"] == "MetricValueList"
    assert found["apiVersion"] == "custom.metrics.k8s.io/v1beta2"
    assert [item["describedObject"]["name"] for item in found["items"]] == ["a", "b"]
    assert [item["value"] for item in found["items"]] == ["1500m", "0"]
    assert found["items"][0]["metric"]["name"] == "queue"
    assert found["items"][0]["timestamp"] == STAMP


def test_the_older_version_names_the_metric_otherwise() -> None:
    """v1beta1 has the metric's name beside the value."""
    asked = Asked("custom", "v1beta1", "team", "queue", "pods", "*")
    [item] = answers.custom_metrics(asked, {"a": 1}, NOW)["items"]
    assert item["metricName"] == "queue"
    assert "metric" not in item


def test_external_metrics_have_a_value_per_series() -> None:
    """An external metric is as many values as it has series."""
    asked = Asked("external", "v1beta1", "team", "queue")
    found = answers.external_metrics(asked, [2000, -1], NOW)
    assert [item["value"] for item in found["items"]] == ["2", "-1m"]
    assert {item["metricName"] for item in found["items"]} == {"queue"}


def test_usage_is_in_nanocores_and_kibibytes_over_a_window() -> None:
    """Usage is written as metrics-server does, and its time to the millisecond."""
    asked = Asked("resource", "v1beta1", "team", "", "pods", "*")
    use = PodUse("a", NOW, 3.0, (ContainerUse("server", 1_250_000_000, 2**30 + 1),))
    [item] = answers.pod_metrics_list(asked, [use])["items"]
    assert item["window"] == "3.000s"
    assert item["timestamp"] == STAMP
    [container] = item["containers"]
    assert container == {"name": "server", "usage": {"cpu": "1250000000n", "memory": "1048576Ki"}}
    assert answers.pod_metrics(asked, use)["kind"] == "PodMetrics"


@settings(max_examples=100, derandomize=True)
@given(st.integers(-(10**17), 10**17))
def test_a_value_survives_the_way_to_the_autoscaler(milli: int) -> None:
    """What an adapter answers in milli-units is what a client reads, to the unit."""
    [item] = answers.custom_metrics(PODS, {"a": milli}, NOW)["items"]
    assert parse_quantity(item["value"]).milli_value == milli


@pytest.mark.parametrize(
    ("message", "status", "reason"),
    [
        ("the server could not find the metric x for pods", 404, "NotFound"),
        ('the server could not find the descriptor for metric "x"', 404, "NotFound"),
        ('Metric label: "x" is not allowed', 400, "BadRequest"),
        ('Operation: "x" is not implemented', 501, "BadRequest"),
        ("Internal error occurred: unable to fetch metrics", 500, "InternalError"),
        ("distributions are not supported", 500, ""),
    ],
)
def test_an_error_is_a_status_with_the_adapters_words(
    message: str, status: int, reason: str
) -> None:
    """The autoscaler's condition shows the message, so that it has to arrive unchanged."""
    answer = answers.refused(MetricsError(message))
    document: dict[str, Any] = json.loads(answer.body)
    assert answer.status == document["code"] == status
    assert (document["kind"], document["message"]) == ("Status", message)
    assert document["reason"] == reason


def test_an_api_that_is_down_says_so_without_a_status() -> None:
    """A client makes words of its own of a 503 that kube-apiserver gives."""
    answer = answers.unavailable()
    assert answer.status == 503
    assert answer.content_type.startswith("text/plain")
