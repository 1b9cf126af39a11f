"""What the metrics APIs answer, and what their log says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.canary import GOOGLE_METRIC, METRIC, POD
from scalecert.worlds.local.metrics_apis.outages import Outages, OutageSpan, write_outages
from scalecert.worlds.local.metrics_apis.request_log import AnsweredRequest, RequestLog
from scalecert.worlds.local.metrics_apis.requests import Asked
from scalecert.worlds.local.metrics_apis.service import MetricsApis
from scalecert.worlds.local.metrics_apis.usage import UsageFile
from scalecert.worlds.local.node_agent.usage import (
    USAGE_FILE,
    ContainerUsage,
    PodUsage,
    Usage,
    write_usage,
)

NOW = 1_790_000_000.0
CANARY = "scalecert.dev/canary=true"


class Provider:
    """Adapters that answer with what they were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.error: MetricsError | None = None

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        self._note(metric, namespace, tuple(pods), str(selector), now)
        return {pod: 1500 + index for index, pod in enumerate(pods)}

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        self._note(metric, namespace, described.kind, described.name, str(selector), now)
        return 700

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        self._note(metric, namespace, str(selector), now)
        return [1, 2]


class Pods:
    """Two pods, whatever is asked for."""

    def names(self, namespace: str, selector: str) -> list[str]:
        return ["a", "b"] if (namespace, selector) == ("team", "app=web") else []


class World:
    """The service with its stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provider = Provider()
        self.outages = folder / "outages.json"
        self.usage = UsageFile(folder / USAGE_FILE, lambda time: False)
        self.apis = MetricsApis(self.provider, self.usage, Pods(), Outages(self.outages))

    def report(self, *readings: Usage) -> None:
        for reading in readings:
            write_usage(self.folder, reading)
            self.usage.refresh()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def custom(name: str, resource: str = "pods", selector: str = "") -> Asked:
    return Asked("custom", "v1beta2", "team", "queue", resource, name, selector, "model=x")


def resources(name: str = "*", selector: str = "app=web") -> Asked:
    return Asked("resource", "v1beta1", "team", "", "pods", name, selector)


def usage(time: float, cpu_seconds: float) -> Usage:
    container = ContainerUsage("server", 0.0, cpu_seconds, 8192)
    return Usage(time, [PodUsage("team", "b", [container])])


def items(body: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(body)["items"]
    return found


def test_a_custom_metric_of_pods_is_of_those_that_are_selected(world: World) -> None:
    """The API server says which pods the selector takes; the adapter is asked for their names."""
    served = world.apis.serve(custom("*", selector="app=web"), NOW)
    assert world.provider.asked == [("queue", "team", ("a", "b"), "model=x", NOW)]
    assert [item["value"] for item in items(served.answer.body)] == ["1500m", "1501m"]
    assert served.values == ({"name": "a", "milli": 1500}, {"name": "b", "milli": 1501})


@pytest.mark.parametrize(
    ("resource", "name", "kind"),
    [
        ("deployments.apps", "web", "deployment"),
        ("pods", "scalecert-canary", "pod"),
        ("namespaces", "team", "namespace"),
    ],
)
def test_a_custom_metric_of_an_object_goes_by_its_name(
    world: World, resource: str, name: str, kind: str
) -> None:
    """Nobody looks whether the object exists."""
    served = world.apis.serve(custom(name, resource), NOW)
    assert world.provider.asked == [("queue", "team", kind, name, "model=x", NOW)]
    assert served.values == ({"name": name, "milli": 700},)


def test_an_external_metric_is_the_values_of_its_series(world: World) -> None:
    """Each series is a value without a name."""
    asked = Asked("external", "v1beta1", "team", "queue", metric_selector="model=x")
    served = world.apis.serve(asked, NOW)
    assert world.provider.asked == [("queue", "team", "model=x", NOW)]
    assert served.values == ({"name": "", "milli": 1}, {"name": "", "milli": 2})


def test_an_adapters_error_is_the_answer(world: World) -> None:
    """A metric that can't be had is a failed request, not a failed process."""
    world.provider.error = MetricsError("the server could not find the metric queue for pods")
    served = world.apis.serve(custom("a"), NOW)
    assert served.answer.status == 404
    assert served.message == "the server could not find the metric queue for pods"
    assert served.values == ()


def test_a_selector_that_is_none_is_a_bad_request(world: World) -> None:
    """What nobody can read is refused."""
    asked = Asked("external", "v1beta1", "team", "queue", metric_selector="a in b")
    assert world.apis.serve(asked, NOW).answer.status == 400


def test_nothing_is_served_in_an_outage(world: World) -> None:
    """Every API is unavailable while the scenario has the adapters down, and then back."""
    write_outages(world.outages, [OutageSpan("adapter", NOW, NOW + 10.0)])
    for asked in (custom("a"), resources()):
        assert world.apis.serve(asked, NOW + 9.0).answer.status == 503
    assert world.provider.asked == []
    assert world.apis.serve(custom("a"), NOW + 10.0).answer.status == 200


def test_usage_is_of_the_selected_pods_that_were_read_twice(world: World) -> None:
    """A pod without usage is left out; what is logged is what the autoscaler reads."""
    world.report(usage(NOW, 1.0), usage(NOW + 3.0, 2.5))
    served = world.apis.serve(resources(), NOW + 4.0)
    assert [item["metadata"]["name"] for item in items(served.answer.body)] == ["b"]
    assert served.values == (
        {
            "name": "b",
            "container": "server",
            "usage": {"cpu": 500, "memory": 8_192_000},
            "timestamp": NOW + 3.0,
            "window": 3.0,
        },
    )


def test_usage_of_one_pod_may_be_missing(world: World) -> None:
    """A single pod is asked for by name, and is not found before its second reading."""
    world.report(usage(NOW, 1.0), usage(NOW + 3.0, 2.5))
    assert json.loads(world.apis.serve(resources("b"), NOW).answer.body)["kind"] == "PodMetrics"
    assert world.apis.serve(resources("a"), NOW).answer.status == 404


def test_the_canarys_usage_tells_when_usage_was_read(world: World) -> None:
    """The canary is no pod of the API server: its selector has the heartbeat of the readings."""
    assert items(world.apis.serve(resources(selector=CANARY), NOW).answer.body) == []
    world.report(usage(NOW, 1.0), usage(NOW + 3.0, 2.5))
    served = world.apis.serve(resources(selector=CANARY), NOW + 4.0)
    assert [value["timestamp"] for value in served.values] == [NOW + 3.0]
    assert items(served.answer.body)[0]["metadata"]["name"] == POD


@pytest.mark.parametrize(
    ("asked", "canary"),
    [
        (custom("a"), False),
        (Asked("custom", "v1beta2", "team", METRIC, "pods", POD), True),
        (Asked("external", "v1beta1", "team", GOOGLE_METRIC), True),
        (resources(), False),
        (resources(selector=CANARY), True),
    ],
)
def test_a_request_is_a_line_that_says_whether_it_was_the_canarys(
    tmp_path: Path, asked: Asked, canary: bool
) -> None:
    """Syncs are made of the log, and the harness's own requests are none."""
    path = tmp_path / "log.jsonl"
    line = AnsweredRequest.of(
        asked, time=NOW, agent="someone", status=200, message="", values=({"name": "a"},)
    )
    with RequestLog(path) as log:
        log.write(line)
        log.write(line)
        first, second = path.read_text().splitlines()  # while the log is open
    assert first == second
    written = json.loads(first)
    assert written["canary"] is canary
    assert (written["api"], written["metric"]) == (asked.api, asked.metric)
    assert (written["object"], written["pods"]) == (asked.name, asked.selector)
    assert (written["time"], written["agent"], written["values"]) == (
        NOW,
        "someone",
        [{"name": "a"}],
    )
