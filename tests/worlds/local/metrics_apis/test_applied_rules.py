"""prometheus-adapter's rules out of the ConfigMaps of an API server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from scalecert.documents import Document
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING
from scalecert.worlds.api_server import ApiObject, ApiUnavailable
from scalecert.worlds.local.metrics_apis.applied_rules import AppliedRules, rules_in

RULES = """
rules:
- seriesQuery: 'queue{pod!=""}'
  resources: {template: "<<.Resource>>"}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"""
BROKEN = "rules:\n- seriesQuery: 'queue{'\n  metricsQuery: queue\n"


def config_map(name: str, **data: str) -> ApiObject:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "monitoring"},
        "data": data,
    }
    return ApiObject("monitoring", name, json.dumps(document).encode())


class Api:
    """An API server with ConfigMaps."""

    def __init__(self) -> None:
        self.held: list[ApiObject] = []
        self.fails = False
        self.asked = 0

    def list(self, path: str) -> tuple[list[ApiObject], str]:
        assert path == "/api/v1/configmaps"
        self.asked += 1
        if self.fails:
            raise ApiUnavailable("it did not answer")
        return self.held, "1"


class Adapter:
    """Answers with the number of its configurations."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.count = len(documents)

    def external_metrics(self, *asked: Any) -> list[int]:
        return [self.count]


def following(api: Api) -> AppliedRules:
    return AppliedRules(api, Adapter, interval_seconds=60.0)


def read(adapter: AppliedRules, now: float) -> Sequence[int]:
    return adapter.external_metrics("queue", "default", EVERYTHING, now)


def test_rules_are_found_in_any_config_map() -> None:
    """What counts is that a text has rules in it, not how the ConfigMap or its key is called."""
    held = [
        config_map("kube-root-ca.crt", **{"ca.crt": "-----BEGIN CERTIFICATE-----"}),
        config_map("adapter", **{"config.yaml": RULES}),
        config_map("other", text="some modules: none"),
    ]
    left_out: list[str] = []
    [document] = rules_in(held, left_out.append)
    assert isinstance(document.value, dict)
    assert list(document.value) == ["rules"]
    assert left_out == []


def test_rules_that_can_not_be_used_are_left_out() -> None:
    """One ConfigMap that nobody can use takes no other with it, and is told of."""
    held = [config_map("broken", text=BROKEN), config_map("adapter", text=RULES)]
    left_out: list[str] = []
    assert len(rules_in(held, left_out.append)) == 1
    [problem] = left_out
    assert problem.startswith("monitoring/broken")
    assert "\n" not in problem


def test_rules_hold_from_the_first_look_after_they_were_applied() -> None:
    """ConfigMaps are looked at once in an interval; without any, the default rules hold."""
    api = Api()
    adapter = following(api)
    assert list(read(adapter, 1000.0)) == [0]
    api.held = [config_map("adapter", text=RULES)]
    assert [list(read(adapter, now)) for now in (1010.0, 1059.0, 1060.0)] == [[0], [0], [1]]
    assert api.asked == 2


def test_an_adapter_lives_for_as_long_as_its_rules() -> None:
    """What it has discovered is kept while nothing changes."""
    api = Api()
    api.held = [config_map("adapter", text=RULES)]
    made: list[Adapter] = []

    def make(documents: Sequence[Document]) -> Adapter:
        made.append(Adapter(documents))
        return made[-1]

    adapter = AppliedRules(api, make, interval_seconds=60.0)
    for now in (1000.0, 1060.0, 1120.0):
        read(adapter, now)
    assert [one.count for one in made] == [0, 1]


def test_an_api_server_that_is_gone_is_an_internal_error() -> None:
    """The request fails, and the next one looks again."""
    api = Api()
    api.fails = True
    adapter = following(api)
    with pytest.raises(MetricsError, match="Internal error occurred: it did not answer"):
        read(adapter, 1000.0)
    api.fails = False
    assert list(read(adapter, 1001.0)) == [0]
