"""The REST client's rules over raw answers of the metrics APIs."""

from __future__ import annotations

import pytest

from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    MetricValue,
    PodMetrics,
    RestMetricsClient,
    get_container_metrics,
    get_pod_metrics,
)
from scalecert.hpa.metrics.interfaces import MetricsError, PodMetric
from scalecert.hpa.selectors import EVERYTHING
from scalecert.hpa.types import CrossVersionObjectReference


def item(name: str, *usage: dict[str, int]) -> PodMetrics:
    containers = [ContainerMetrics(f"c{index}", one) for index, one in enumerate(usage)]
    return PodMetrics(name, 5, 30_000, containers)


def test_a_pod_with_a_gap_is_left_out() -> None:
    """Containers are summed; a listed one without the resource, or none listed, drops the pod."""
    items = [
        item("whole", {"cpu": 1}, {"cpu": 2}),
        item("gap", {"cpu": 1}, {"memory": 2}),
        item("empty"),
    ]
    assert get_pod_metrics(items, "cpu") == {"whole": PodMetric(3, 5, 30_000)}


def test_one_container_is_taken_where_it_is_listed() -> None:
    """Pods without the container or its usage are left out, without an error."""
    items = [item("both", {"cpu": 1}, {"cpu": 2}), item("one", {"cpu": 1}), item("gap", {}, {})]
    assert get_container_metrics(items, "cpu", "c1") == {"both": PodMetric(2, 5, 30_000)}


class Empty:
    """APIs that answer with empty lists."""

    def list_pod_metrics(self, *_: object) -> list[PodMetrics]:
        return []

    list_custom_metric = list_external_metric = list_pod_metrics


class Down:
    """APIs that fail."""

    def list_pod_metrics(self, *_: object) -> list[PodMetrics]:
        raise MetricsError("down")

    list_custom_metric = list_external_metric = get_custom_metric = list_pod_metrics


CALLS = [
    ("resource", lambda client: client.get_resource_metric("cpu", "ns", EVERYTHING, "")),
    ("custom", lambda client: client.get_raw_metric("m", "ns", EVERYTHING, EVERYTHING)),
    ("external", lambda client: client.get_external_metric("m", "ns", EVERYTHING)),
]


@pytest.mark.parametrize(("api", "call"), CALLS)
def test_an_empty_list_is_an_error(api: str, call) -> None:
    """Nothing returned is not zero: it is an error that names the API."""
    with pytest.raises(MetricsError, match=f"^no metrics returned from {api} metrics API$"):
        call(RestMetricsClient(Empty()))


@pytest.mark.parametrize(
    ("api", "call"),
    [
        *CALLS,
        ("custom", lambda client: client.get_object_metric(
            "m", "ns", CrossVersionObjectReference(), EVERYTHING)),
    ],
)  # fmt: skip
def test_a_failing_api_is_named(api: str, call) -> None:
    """The error of an API is passed on with the API's name."""
    with pytest.raises(
        MetricsError, match=f"^unable to fetch metrics from {api} metrics API: down$"
    ):
        call(RestMetricsClient(Down()))


class OnePod:
    """A custom metrics API with one pod's value, in an old and a newer window."""

    def list_custom_metric(self, *_: object) -> list[MetricValue]:
        return [MetricValue("a", 1, 7), MetricValue("b", 2, 8, window_ms=15_000)]


def test_custom_metrics_without_a_window_have_one_minute() -> None:
    """The window defaults to a minute; the time is that of the first item."""
    found, timestamp = RestMetricsClient(OnePod()).get_raw_metric("m", "ns", EVERYTHING, EVERYTHING)
    assert found == {"a": PodMetric(1, 7, 60_000), "b": PodMetric(2, 8, 15_000)}
    assert timestamp == 7
