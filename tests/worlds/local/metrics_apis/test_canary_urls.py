"""Where the canary is read in a world of real processes, and what its age is."""

from __future__ import annotations

import json
import math
from urllib.parse import urlsplit

import msgspec
import pytest

from scalecert.metrics.canary import CanaryPath
from scalecert.worlds.local.metrics_apis import answers
from scalecert.worlds.local.metrics_apis.answers import ContainerUse, PodUse
from scalecert.worlds.local.metrics_apis.canary_urls import canary_urls, read_heartbeat
from scalecert.worlds.local.metrics_apis.requests import Asked, read_request

PATHS: tuple[CanaryPath, ...] = (
    "google-custom",
    "google-external",
    "prometheus-custom",
    "prometheus-external",
    "resource",
)
FAILED = "unable to fetch metrics from custom metrics API"
NOW = 1_790_000_000.0


def asked(path: CanaryPath) -> Asked:
    """Return what the canary's URL asks for."""
    url = urlsplit(canary_urls([path], "team")[path])
    found = read_request(url.path, url.query)
    assert found is not None
    return found


def test_each_path_asks_the_api_that_it_is_called_after() -> None:
    """A path's URL goes to its API, and to Google's adapter by a name of Google's."""
    found = {path: asked(path) for path in PATHS}
    assert {path: one.api for path, one in found.items()} == {
        path: "resource" if path == "resource" else path.partition("-")[2] for path in PATHS
    }
    google = {path for path, one in found.items() if "|" in one.metric}
    assert google == {"google-custom", "google-external"}
    assert {one.namespace for one in found.values()} == {"team"}


@pytest.mark.parametrize("path", PATHS)
def test_age_is_in_seconds_of_the_run(path: CanaryPath) -> None:
    """A heartbeat of 3 s of the clock ago is 15 s old in a run five times faster."""
    one, beat = asked(path), NOW - 3.0
    if one.api == "resource":
        uses = [PodUse("scalecert-canary", beat, 3.0, (ContainerUse("canary", 0, 0),))]
        document = answers.pod_metrics_list(one, uses)
    elif one.api == "custom":
        document = answers.custom_metrics(one, {"scalecert-canary": round(beat * 1000)}, NOW)
    else:
        older = round((beat - 60.0) * 1000)
        document = answers.external_metrics(one, [older, round(beat * 1000)], NOW)
    found = read_heartbeat(path, 200, msgspec.json.encode(document), NOW, 5)
    assert found.age_seconds == pytest.approx(15.0)
    assert (found.path, found.error) == (path, "")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (
            404,
            json.dumps({"kind": "Status", "message": "the server could not find x"}),
            f"{FAILED}: the server could not find x",
        ),
        (
            503,
            "service unavailable",
            f"{FAILED}: the server is currently unable to handle the request",
        ),
        (502, "", f"{FAILED}: status 502"),
        (200, '{"items": []}', "no metrics returned from custom metrics API"),
    ],
)
def test_what_is_no_heartbeat_says_why(status: int, body: str, error: str) -> None:
    """Where none comes, the error is what the autoscaler's client would say."""
    found = read_heartbeat("prometheus-custom", status, body.encode(), NOW, 5)
    assert math.isnan(found.age_seconds)
    assert found.error == error
