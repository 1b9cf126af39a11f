"""Where a world's canary is read, path by path, and what the answers say of its age; pure.

Who asks does so through kube-apiserver, as the autoscaler does, so that the whole path is tried.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from scalecert.hpa.quantity import parse_quantity
from scalecert.metrics.canary import GOOGLE_METRIC, METRIC, POD, SELECTOR, CanaryPath, Heartbeat

_UNAVAILABLE: Final = "the server is currently unable to handle the request"
"""What client-go makes of a status 503 without words of the API."""


def canary_urls(paths: Iterable[CanaryPath], namespace: str) -> dict[CanaryPath, str]:
    """Return path and query of the URL to GET from kube-apiserver, per path of the canary."""
    return {path: _url(path, namespace) for path in paths}


def read_heartbeat(
    path: CanaryPath, status: int, body: bytes, now: float, time_lapse: int
) -> Heartbeat:
    """Return what came over one path.

    Args:
        path: of the canary.
        status: of the HTTP answer.
        body: of the answer.
        now: when it was asked for, unix seconds.
        time_lapse: seconds of the run in one of the clock; ages are in seconds of the run.
    """
    api = "resource" if path == "resource" else path.partition("-")[2]
    if status != 200:
        error = f"unable to fetch metrics from {api} metrics API: {_message(status, body)}"
        return Heartbeat(path, math.nan, error)
    items = msgspec.json.decode(body).get("items", [])
    if not items:
        return Heartbeat(path, math.nan, f"no metrics returned from {api} metrics API")
    beat = max(_beat_seconds(path, item) for item in items)
    return Heartbeat(path, (now - beat) * time_lapse)


def _url(path: CanaryPath, namespace: str) -> str:
    within = f"namespaces/{quote(namespace)}"
    if path == "resource":
        selector = quote(str(SELECTOR))
        return f"/apis/metrics.k8s.io/v1beta1/{within}/pods?labelSelector={selector}"
    metric = quote(GOOGLE_METRIC if path.startswith("google") else METRIC)
    if path.endswith("external"):
        return f"/apis/external.metrics.k8s.io/v1beta1/{within}/{metric}"
    return f"/apis/custom.metrics.k8s.io/v1beta2/{within}/pods/{POD}/{metric}"


def _beat_seconds(path: CanaryPath, item: Mapping[str, Any]) -> float:
    if path == "resource":
        return datetime.datetime.fromisoformat(str(item["timestamp"])).timestamp()
    return parse_quantity(str(item["value"])).milli_value / 1000.0


def _message(status: int, body: bytes) -> str:
    """Return a failure's words: those of the `Status`, else what a client makes of the number."""
    try:
        return str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return _UNAVAILABLE if status == 503 else f"status {status}"
