"""Which answers, events and conditions belong to which sync."""

from __future__ import annotations

from scalecert.worlds.recorder.controller_log import HpaEvent, SyncEnd
from scalecert.worlds.recorder.logs import MetricsAnswer
from scalecert.worlds.recorder.observations import Conditions
from scalecert.worlds.recorder.syncs import group_syncs

KCM = "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/x horizontal-pod-autoscaler"


def end(time, before=1, desired=1, proposed=1):
    return SyncEnd(time, before, desired, proposed)


def answer(time, agent=KCM):
    return MetricsAnswer(time, agent, "custom", 200, "m")


def group(ends, answers=(), events=(), conditions=(), initial=1):
    return group_syncs(ends, answers, events, conditions, initial)


def test_a_sync_begins_with_its_first_question():
    """What was asked since the sync before is part of it; what others ask is not."""
    others = [answer(2.0, "kubectl/v1.36.3"), answer(14.9, "python-urllib3/2.8")]
    first, second = group([end(10.1), end(25.3)], [answer(10.0), answer(25.1), *others])
    assert (first.time_unix, second.time_unix) == (10.0, 25.1)
    assert [len(sync.answers) for sync in (first, second)] == [1, 1]


def test_a_sync_that_asked_nothing_begins_when_it_ends():
    """As one that could not reach the metrics API, or need not."""
    (sync,) = group([end(10.1, None, None, None)], [answer(11.0)])
    assert (sync.time_unix, sync.answers) == (10.1, ())


def test_a_failed_sync_leaves_the_replicas_as_they_were():
    """Which the syncs before it tell, or the beginning of the run."""
    failed = [end(time, None, None, None) for time in (1.0, 31.0)]
    syncs = group([failed[0], end(16.0, 3, 5), failed[1]], initial=3)
    assert [(sync.before, sync.desired) for sync in syncs] == [(3, 3), (3, 5), (5, 5)]


def test_events_and_conditions_go_to_the_sync_that_ended_nearest():
    """They come out of it a moment before its end, or after."""
    events = [HpaEvent(time, "Normal", str(time), "") for time in (9.9, 10.4, 24.9)]
    states = [
        Conditions(9.95, (("AbleToScale", "False", "a"),)),
        Conditions(10.3, (("AbleToScale", "True", "b"),)),
    ]
    first, second = group([end(10.0), end(25.0)], events=events, conditions=states)
    assert [event.reason for event in first.events] == ["9.9", "10.4"]
    assert [event.reason for event in second.events] == ["24.9"]
    assert first.conditions == (("AbleToScale", "True", "b"),)
    assert second.conditions == ()


def test_without_syncs_there_is_nothing():
    """Whatever was asked and seen."""
    assert group([], [answer(1.0)], [HpaEvent(1.0, "", "", "")]) == []
