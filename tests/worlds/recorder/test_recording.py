"""A run told by hand in five logs, and the recording that it is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from policies.shipped import shipped
from worlds.recorder.perfect_world import AGENT, klog
from worlds.recorder.trials import trial_of

from scalecert.engines.request_log import Status
from scalecert.errors import EnvironmentFault
from scalecert.metrics.canary import Heartbeat
from scalecert.worlds.recorder import Heard, Logs, Observation, Observed, record

T0 = 1_795_404_000.0
LAPSE = 5
HPA = "default/vllm-num-requests-running"
TARGET = "Deployment/default/vllm-llama-2-7b"
METRIC = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
PATH = "google-custom"
NAN = float("nan")


@pytest.fixture(scope="module")
def trial():
    """A trial that starts with one pod and asks for 10 running requests a pod."""
    return trial_of(shipped()["vllm-num-requests-running"], duration=60.0)


@pytest.fixture
def told(tmp_path):
    """Two syncs: the first fails, the second scales from one pod to three."""
    pods = [
        (-20.0, "p-0", 0, "created"),
        (-19.0, "p-0", 0, "bound"),
        (-15.0, "p-0", 0, "started"),
        (-9.0, "p-0", 0, "listening"),
        (-8.0, "p-0", 0, "ready"),
        (4.2, "p-1", 1, "created"),
        (4.21, "p-1", 1, "bound"),
        (9.0, "p-0", 0, "exited"),
        (13.0, "p-0", 0, "gone"),
    ]
    answers = [
        (1.0, AGENT, 404, [], "no such metric"),
        (3.9, "python-urllib3/2.8", 200, [{"name": "scalecert-canary", "milli": 1}], ""),
        (4.0, AGENT, 200, [{"name": "p-0", "milli": 48_000}], ""),
    ]
    error = (
        "failed to compute desired number of replicas based on listed metrics for"
        f" {TARGET}: invalid metrics (1 invalid out of 1), first error is: x"
    )
    three = {"scaleTarget": TARGET, "desiredReplicas": 3}
    rescaled = {"HPA": HPA, "currentReplicas": 1, "desiredReplicas": 3}
    controller = [
        klog(T0 + 1.01, "horizontal.go", "Unhandled Error", "E", err=error),
        klog(T0 + 4.01, "horizontal.go", "Proposing desired replicas", **three),
        klog(T0 + 4.05, "horizontal.go", "Successfully rescaled", **rescaled),
        klog(T0 + 14.0, "horizontal.go", "Decided not to scale", **three),
    ]
    logs = Logs(tmp_path / "pods.jsonl", tmp_path / "metrics-api.jsonl", tmp_path / "kcm.log")
    write_lines(logs.pods, ("time", "pod", "ordinal", "what"), pods)
    keys = ("time", "agent", "status", "values", "message")
    write_lines(logs.metrics_api, keys, answers, api="custom", metric=METRIC)
    logs.controller.write_text("".join(controller))
    return logs


def write_lines(path, keys, rows, **same):
    """Write rows as lines of JSON; the first of each is a time, in seconds of the clock."""
    lines = [dict(zip(keys, row, strict=True)) | same for row in rows]
    path.write_text("".join(json.dumps(one | {"time": T0 + one["time"]}) + "\n" for one in lines))


def condition(kind, status, reason):
    return {"type": kind, "status": status, "reason": reason}


def observed(trial):
    """Return what was seen: two changes of the HPA, one pod, and two Events."""
    able = condition("AbleToScale", "True", "SucceededGetScale")
    failed = condition("ScalingActive", "False", "FailedGetPodsMetric")
    found = condition("ScalingActive", "True", "ValidMetricFound")
    event = {"type": "Normal", "reason": "SuccessfulRescale", "message": "New size: 3"}
    pod = {
        "metadata": {"name": "p-0", "labels": dict(trial.pods.labels)},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    changes = (
        Observation(T0 - 1.0, "pod", "LISTED", pod),
        Observation(T0 - 1.0, "target", "LISTED", {"status": {"replicas": 1}}),
        Observation(T0 - 1.0, "event", "LISTED", event),
        Observation(T0 + 1.02, "hpa", "MODIFIED", {"status": {"conditions": [able, failed]}}),
        Observation(T0 + 4.06, "hpa", "MODIFIED", {"status": {"conditions": [able, found]}}),
        Observation(T0 + 4.07, "event", "ADDED", event),
    )
    heard = (
        Heard(T0 + 0.9, Heartbeat(PATH, NAN, "down")),
        Heard(T0 + 3.9, Heartbeat(PATH, 8.0)),
    )
    return Observed(changes, heard, (PATH,))


REQUESTS = {
    "arrival_seconds": np.array([1.0, 2.0, 3.0, 21.0]),
    "sent_seconds": np.array([1.0, 2.0, 3.0, 21.0]),
    "first_token_seconds": np.array([2.0, NAN, NAN, 22.0]),
    "last_token_seconds": np.array([6.0, NAN, NAN, 23.0]),
    "input_tokens": np.array([8, 8, 8, 8]),
    "output_tokens": np.array([8, 8, 8, 8]),
    "status": np.array([Status.OK, Status.ABORTED, Status.ABORTED, Status.OK], dtype=np.int8),
    "replica": np.array([0, 0, -1, 0]),
}


def made(trial, logs):
    return record(
        trial,
        t0_unix=T0,
        time_lapse=LAPSE,
        logs=logs,
        observed=observed(trial),
        requests=REQUESTS,
        refused_seconds=[3.0],
    )


def test_the_series_of_a_run_told_by_hand(trial, told):
    """Times are seconds of the run: five in one of the clock."""
    series = made(trial, told).series
    expected = {
        "pods.time_seconds": [0, 20, 21, 21.05],
        "pods.spec": [1, 3, 3, 3],
        "pods.created": [1, 1, 2, 2],
        "pods.bound": [1, 1, 1, 2],
        "pods.ready": [1, 1, 1, 1],
        "pods.terminating": [0, 0, 0, 0],
        "sync.time_seconds": [5, 20],
        "sync.spec_replicas": [1, 1],
        "sync.ready_replicas": [1, 1],
        "sync.desired_replicas": [1, 3],
        "sync.metric.0.value": [NAN, 48],
        "sync.metric.0.desired": [NAN, 3],
        f"sync.canary.{PATH}.age_seconds": [NAN, 8],
        "engine.time_seconds": [5, 20],
        "engine.outstanding": [2, 1],
    }
    assert list(series) == list(expected)
    for name, column in expected.items():
        np.testing.assert_allclose(series[name], column, atol=1e-5, err_msg=name)


def test_the_events_of_a_run_told_by_hand(trial, told):
    """In order of time; what belongs to a sync has its time; before the run is at its start."""
    recording = made(trial, told)
    assert recording.plan is trial.plan
    assert recording.requests is REQUESTS
    found = [(round(e["time"], 3), e["kind"], e.get("reason", "")) for e in recording.events]
    assert found == [
        (0.0, "pod-created", ""),
        (0.0, "pod-bound", ""),
        (0.0, "pod-started", ""),
        (0.0, "pod-listening", ""),
        (0.0, "pod-ready", ""),
        (3.0, "requests-refused", ""),
        (5.0, "hpa-condition", "SucceededGetScale"),
        (5.0, "hpa-condition", "FailedGetPodsMetric"),
        (5.0, "canary", ""),
        (20.0, "hpa-event", "SuccessfulRescale"),
        (20.0, "hpa-condition", "ValidMetricFound"),
        (20.0, "canary", ""),
        (20.0, "scale", ""),
        (21.0, "pod-created", ""),
        (21.05, "pod-bound", ""),
        (45.0, "requests-aborted", ""),
        (45.0, "pod-exited", ""),
    ]
    assert recording.events[12] | {"time": 0} == {
        "time": 0,
        "kind": "scale",
        "before": 1,
        "replicas": 3,
    }


def test_a_proposal_that_is_not_the_controllers_is_told(trial, told):
    """Either the port of its arithmetic is wrong, or what it was fed."""
    log = told.controller
    three = f'scaleTarget="{TARGET}" desiredReplicas=3'
    log.write_text(log.read_text().replace(three, three.replace("3", "2")))
    (differs,) = (
        event for event in made(trial, told).events if event["kind"] == "hpa-proposal-differs"
    )
    assert (differs["derived"], differs["controller"]) == (3, 2)
    assert math.isclose(differs["time"], 20.0, abs_tol=1e-5)


def test_events_of_the_controllers_log_are_taken_before_those_of_the_api(trial, told):
    """The API drops what comes too often."""
    values = {
        "object": HPA,
        "kind": "HorizontalPodAutoscaler",
        "type": "Warning",
        "reason": "FailedGetPodsMetric",
        "message": "no such metric",
    }
    with told.controller.open("a") as log:
        log.write(klog(T0 + 1.005, "event.go", "Event occurred", **values))
    found = [event for event in made(trial, told).events if event["kind"] == "hpa-event"]
    assert [(round(event["time"], 3), event["reason"]) for event in found] == [
        (5.0, "FailedGetPodsMetric")
    ]


def test_a_controller_that_told_of_no_sync_is_a_broken_world(trial, told):
    """It logs nothing of them by default; a recording without any would say that nothing moved."""
    told.controller.write_text("")
    with pytest.raises(EnvironmentFault, match="no sync of vllm-num-requests-running"):
        made(trial, told)


def test_a_world_without_its_logs_broke(trial, told):
    """No recording is made of what is left."""
    told.pods.unlink()
    with pytest.raises(EnvironmentFault, match=r"pods\.jsonl can't be read"):
        made(trial, told)
