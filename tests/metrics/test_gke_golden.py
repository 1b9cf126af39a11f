"""The port of custom-metrics-stackdriver-adapter against recorded answers of the real one.

fixtures/golden/gke/README.md says how they were made.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.gke.adapter import StackdriverAdapter
from scalecert.metrics.gke.request import Cluster, Descriptor, TimeSeriesRequest
from scalecert.metrics.gke.response import TimeSeries
from scalecert.metrics.kube_resources import singular

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "gke" / "cases.json.gz"


def load_cases() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(gzip.decompress(GOLDEN.read_bytes()))["cases"]
    return cases


class ScriptedMonitoring:
    """Answers what a case says, whatever the filter, and notes what was asked."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self._descriptors = case["descriptors"]
        self._responses: Iterator[list[dict[str, Any]]] = iter(case["responses"])
        self.asked: list[dict[str, str]] = []

    def describe(self, project: str, metric_type: str) -> Descriptor | None:
        self.asked.append({"descriptor": f"projects/{project}/metricDescriptors/{metric_type}"})
        found = self._descriptors.get(metric_type)
        return None if found is None else Descriptor(*found)

    def list_time_series(self, request: TimeSeriesRequest, now: float) -> Sequence[TimeSeries]:
        noted = {
            "project": f"projects/{request.project}",
            "filter": request.filter,
            "aligner": request.aligner,
            "period": f"{request.alignment_seconds:.0f}s",
            "start": stamp(request.start_seconds),
            "end": stamp(request.end_seconds),
        }
        if request.reducer:
            noted["reducer"] = request.reducer
        self.asked.append(noted)
        assert request.end_seconds <= now
        return [series_of(one) for one in next(self._responses, [])]


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def series_of(series: Mapping[str, Any]) -> TimeSeries:
    value = series["points"][0]["value"]
    number = int(value["int64Value"]) if "int64Value" in value else float(value["doubleValue"])
    resource = series["resource"]
    return TimeSeries(resource["type"], resource["labels"], series["metric"]["labels"], number)


def replay(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return what our port asks and answers, in the form of the recorded answer."""
    monitoring = ScriptedMonitoring(case)
    adapter = StackdriverAdapter(monitoring, Cluster("p", "l", "c"))
    now = datetime.fromisoformat(case["now"]).timestamp()
    values: dict[str, int] | list[int] = {}
    error = None
    try:
        selector = parse_selector(case["selector"])
        if case["op"] == "pods":
            values = dict(
                adapter.pod_metrics(case["metric"], case["namespace"], case["pods"], selector, now)
            )
        elif case["op"] == "object":
            kind = singular(case["resource"].partition(".")[0])
            described = CrossVersionObjectReference(kind, case["name"], "v1")
            found = adapter.object_metric(
                case["metric"], case["namespace"], described, selector, now
            )
            values = {case["name"]: found}
        else:
            values = list(
                adapter.external_metrics(case["metric"], case["namespace"], selector, now)
            )
    except MetricsError as raised:
        error = str(raised)
    return {"requests": monitoring.asked, "values": values, "error": error}


def recorded(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the real adapter's answer in the same form; a pod that is named twice counts once."""
    answer = case["answer"]
    pairs = answer["values"]
    values = [milli for _, milli in pairs] if case["op"] == "external" else dict(pairs)
    error = answer.get("error")
    return {"requests": answer["requests"], "values": {} if error else values, "error": error}


@pytest.mark.parametrize("op", ["pods", "object", "external"])
def test_requests_values_and_errors_are_the_real_adapter_s(op: str) -> None:
    """For every recorded case: the same requests in the same order, then values or error text."""
    cases = [case for case in load_cases() if case["op"] == op]
    different = [case for case in cases if replay(case) != recorded(case)]
    assert len(cases) >= 300
    assert different == []


def test_values_of_pods_are_stamped_with_the_time_of_the_request() -> None:
    """Pods and Object values say now, however old the point; External ones the point's end."""
    stamps = {"pods": 0, "object": 0, "external": 0}
    for case in load_cases():
        now = datetime.fromisoformat(case["now"])
        for text in case["answer"].get("stamps", []):
            point = case["op"] == "external"
            expected = datetime(2026, 1, 1, tzinfo=UTC) if point else now
            assert datetime.fromisoformat(text) == expected
            stamps[case["op"]] += 1
    assert min(stamps.values()) >= 50
