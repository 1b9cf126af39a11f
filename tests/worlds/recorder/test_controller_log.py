"""What the HPA controller's log tells of one HPA, in entries as upstream writes them."""

from __future__ import annotations

from worlds.recorder.perfect_world import klog

from scalecert.worlds.recorder.controller_log import HpaEvent, SyncEnd, read_controller_log
from scalecert.worlds.recorder.klog import read_klog

NOW = 1_795_405_764.5
TARGET = "Deployment/default/vllm"
HPA = "default/queue"


def entry(text, /, level="I", source="horizontal.go", **values):
    return klog(NOW, source, text, level, **values)


def proposing(replicas, target=TARGET):
    return entry("Proposing desired replicas", desiredReplicas=replicas, scaleTarget=target)


def decided(replicas, target=TARGET):
    return entry("Decided not to scale", scaleTarget=target, desiredReplicas=replicas)


def rescaled(before, desired, hpa=HPA):
    return entry("Successfully rescaled", HPA=hpa, currentReplicas=before, desiredReplicas=desired)


def failed(error):
    return entry("Unhandled Error", "E", err=error, logger="UnhandledError")


def read(*entries):
    return read_controller_log(read_klog("".join(entries), near_unix=NOW), HPA, TARGET)


def test_each_sync_has_one_end_and_what_was_proposed_before_it():
    """The proposal is the metrics', what is desired comes after windows and limits."""
    found = read(proposing(1), decided(2), proposing(7), rescaled(2, 4), decided(4))
    assert found.syncs == [
        SyncEnd(NOW, 2, 2, 1),
        SyncEnd(NOW, 2, 4, 7),
        SyncEnd(NOW, 4, 4, None),
    ]


def test_syncs_that_fail_are_syncs():
    """Of metrics, and of a target that can't be read or written."""
    found = read(
        failed(
            "failed to compute desired number of replicas based on listed metrics for"
            f" {TARGET}: invalid metrics (1 invalid out of 1), first error is: x"
        ),
        failed(f"failed to query scale subresource for {TARGET}: gone"),
        proposing(3),
        failed(f"failed to rescale {TARGET}: conflict"),
    )
    assert [(sync.before, sync.desired, sync.proposed) for sync in found.syncs] == [
        (None, None, None),
        (None, None, None),
        (None, None, 3),
    ]


def test_an_error_beside_a_sync_that_ended_is_no_sync():
    """Upstream returns what some metrics failed with after it has scaled by the others."""
    beside = failed("invalid metrics (1 invalid out of 2), first error is: x")
    status = failed("failed to update status for queue: conflict")
    assert len(read(proposing(3), rescaled(1, 3), beside, status).syncs) == 1


def test_other_hpas_are_others():
    """Neither their ends nor their proposals nor their failures count."""
    other = "Deployment/default/other"
    found = read(
        proposing(9, other),
        decided(9, other),
        rescaled(1, 9, "default/other"),
        failed(f"failed to rescale {other}: conflict"),
        proposing(9, "Deployment/default/vllm-2"),
        decided(1),
    )
    assert found.syncs == [SyncEnd(NOW, 1, 1, None)]


def test_events_of_the_hpa_are_told_in_full():
    """Those of other kinds and names are not."""
    said = {"type": "Normal", "reason": "SuccessfulRescale", "message": "New size: 2"}
    entries = [
        entry("Event occurred", source="event.go", object=name, kind=kind, **said)
        for name, kind in (
            (HPA, "HorizontalPodAutoscaler"),
            ("default/other", "HorizontalPodAutoscaler"),
            (HPA, "Deployment"),
        )
    ]
    assert read(*entries).events == [HpaEvent(NOW, *said.values())]
