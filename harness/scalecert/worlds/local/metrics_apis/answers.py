"""Answers of the metrics APIs as Kubernetes writes them; pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.quantity import Quantity
from scalecert.worlds.local.metrics_apis.requests import Asked

JSON: Final = "application/json"

_REASONS: Final = (
    ("the server could not find", 404, "NotFound"),
    ("Metric label:", 400, "BadRequest"),
    ("Operation:", 501, "BadRequest"),
    ("Internal error occurred:", 500, "InternalError"),
)
"""Status and reason by what a message begins with (`errors.go` of custom-metrics-apiserver and of
custom-metrics-stackdriver-adapter); an error of any other kind is 500 (`ErrorToAPIStatus`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class ContainerUse:
    """What a container uses: CPU in nanocores, memory in bytes."""

    container: str
    cpu_nano: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class PodUse:
    """What a pod's containers use: a mean over `window_seconds` until `time`, unix seconds."""

    name: str
    time: float
    window_seconds: float
    containers: tuple[ContainerUse, ...]


def found(document: Mapping[str, Any]) -> Answer:
    """Return the answer that holds a document."""
    return Answer(200, msgspec.json.encode(document))


def refused(error: MetricsError) -> Answer:
    """Return the answer that says what an adapter failed at."""
    message = str(error)
    for beginning, status, reason in _REASONS:
        if message.startswith(beginning):
            return failure(status, reason, message)
    return failure(500, "", message)


def failure(status: int, reason: str, message: str) -> Answer:
    """Return a `Status` of the API."""
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }
    return Answer(status, msgspec.json.encode(document))


def unavailable() -> Answer:
    """Return what kube-apiserver answers for an API whose server is gone: no `Status`, words."""
    return Answer(503, b"service unavailable\n", "text/plain; charset=utf-8")


def custom_metrics(asked: Asked, values: Mapping[str, int], now: float) -> Mapping[str, Any]:
    """Return a `MetricValueList`: milli-units by the described object's name."""
    named: dict[str, Any] = {"metric": {"name": asked.metric, "selector": None}}
    if asked.version == "v1beta1":
        named = {"metricName": asked.metric, "selector": None}
    items = [
        {
            "describedObject": {
                "kind": asked.kind.capitalize(),
                "namespace": asked.namespace,
                "name": name,
                "apiVersion": "/v1",
            },
            **named,
            "timestamp": timestamp(now),
            "value": _milli(milli),
        }
        for name, milli in values.items()
    ]
    return _list("MetricValueList", "custom.metrics.k8s.io", asked.version, items)


def external_metrics(asked: Asked, values: Sequence[int], now: float) -> Mapping[str, Any]:
    """Return an `ExternalMetricValueList`: milli-units per series."""
    stamp = timestamp(now)
    items = [
        {
            "metricName": asked.metric,
            "metricLabels": {},
            "timestamp": stamp,
            "value": _milli(milli),
        }
        for milli in values
    ]
    return _list("ExternalMetricValueList", "external.metrics.k8s.io", asked.version, items)


def pod_metrics_list(asked: Asked, uses: Iterable[PodUse]) -> Mapping[str, Any]:
    """Return a `PodMetricsList`."""
    items = [_pod_metrics(asked, use) for use in uses]
    return _list("PodMetricsList", "metrics.k8s.io", asked.version, items)


def pod_metrics(asked: Asked, use: PodUse) -> Mapping[str, Any]:
    """Return one `PodMetrics`."""
    version = f"metrics.k8s.io/{asked.version}"
    return {"kind": "PodMetrics", "apiVersion": version, **_pod_metrics(asked, use)}


def _pod_metrics(asked: Asked, use: PodUse) -> dict[str, Any]:
    return {
        "metadata": {"name": use.name, "namespace": asked.namespace},
        "timestamp": timestamp(use.time),
        "window": f"{use.window_seconds:.3f}s",
        "containers": [
            {
                "name": one.container,
                "usage": {
                    "cpu": f"{one.cpu_nano}n",
                    "memory": f"{one.memory_bytes // 1024}Ki",
                },
            }
            for one in use.containers
        ],
    }


def timestamp(unix: float) -> str:
    """Return a time in RFC 3339 with milliseconds.

    Kubernetes writes whole seconds and reads fractions: with a time lapse a second of the clock
    is several of the run.
    """
    milliseconds = round(unix * 1000)
    whole = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _list(kind: str, group: str, version: str, items: Sequence[object]) -> Mapping[str, Any]:
    return {
        "kind": kind,
        "apiVersion": f"{group}/{version}",
        "metadata": {},
        "items": items,
    }


def _milli(milli: int) -> str:
    return str(Quantity.from_milli(milli))
