"""What the recorder reads out of objects of the API."""

from __future__ import annotations

import math

from scalecert.hpa import PodSpec
from scalecert.metrics.canary import Heartbeat
from scalecert.worlds.recorder.controller_log import HpaEvent
from scalecert.worlds.recorder.observations import (
    Heard,
    Observation,
    PodViews,
    conditions,
    hpa_events,
    milliseconds,
    nearest_heartbeat,
    status_replicas,
)

PATH = "google-custom"


def pod(time, change, **status):
    metadata = {"name": "a", "labels": {"app": "x"}, **status.pop("metadata", {})}
    return Observation(time, "pod", change, {"metadata": metadata, "status": status})


def test_pods_are_as_they_were_seen_last_before_a_time():
    """Neither what came later nor what is gone."""
    since = "2026-11-23T03:49:12Z"
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": since}
    views = PodViews(
        [
            pod(1.0, "ADDED", phase="Pending"),
            pod(
                2.0,
                "MODIFIED",
                phase="Running",
                conditions=[ready],
                startTime=since,
            ),
            pod(3.0, "MODIFIED", phase="Running", metadata={"deletionTimestamp": "x"}),
            pod(4.0, "DELETED"),
        ],
        PodSpec(),
    )
    assert views.at(0.5) == views.at(4.0) == []
    (pending,), (running,), (leaving,) = views.at(1.0), views.at(2.5), views.at(3.0)
    assert (pending.phase, pending.ready, pending.start_time_ms) == ("Pending", None, None)
    assert running.is_ready
    assert running.start_time_ms == running.ready.last_transition_time_ms == 1_795_405_752_000
    assert leaving.deleted
    assert not running.deleted


def test_times_of_the_api_may_have_fractions():
    """Usage is stamped with milliseconds."""
    assert milliseconds("2026-11-23T03:49:12.250Z") == 1_795_405_752_250


def test_replicas_are_those_of_the_last_status():
    """A status without the field has none; before the first sight nobody knows."""
    changes = [
        Observation(2.0, "target", "LISTED", {"status": {"replicas": 3}}),
        Observation(3.0, "target", "MODIFIED", {"status": {}}),
    ]
    assert [status_replicas(changes, time) for time in (1.0, 2.0, 3.0)] == [None, 3, 0]


def test_the_hpas_conditions_keep_their_order():
    """An HPA without a status has none."""
    state = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
        {"type": "ScalingActive", "status": "False"},
    ]
    changes = [
        Observation(1.0, "hpa", "ADDED", {}),
        Observation(2.0, "hpa", "MODIFIED", {"status": {"conditions": state}}),
        Observation(3.0, "hpa", "DELETED", {"status": {"conditions": state}}),
    ]
    assert [one.states for one in conditions(changes)] == [
        (),
        (("AbleToScale", "True", "ReadyForNewScale"), ("ScalingActive", "False", "")),
    ]


def test_events_that_were_there_before_are_not_of_this_run():
    """Each time that the API counts one up, it happened again."""
    event = {"type": "Warning", "reason": "FailedGetScale", "message": "gone"}
    changes = [
        Observation(time, "event", change, event)
        for time, change in ((1.0, "LISTED"), (2.0, "ADDED"), (3.0, "MODIFIED"), (4.0, "DELETED"))
    ]
    assert hpa_events(changes) == [HpaEvent(time, *event.values()) for time in (2.0, 3.0)]


def test_the_heartbeat_of_a_sync_is_the_one_heard_next_to_it():
    """One that nobody asked for around then is told as such, and is no heartbeat."""
    beats = [Heard(time, Heartbeat(PATH, time)) for time in (1.0, 4.0)]
    other = Heard(3.0, Heartbeat("resource", 9.0))
    assert nearest_heartbeat([*beats, other], PATH, 2.9, 3.0).age_seconds == 4.0
    missing = nearest_heartbeat(beats, PATH, 9.0, 3.0)
    assert math.isnan(missing.age_seconds)
    assert "nobody asked" in missing.error
