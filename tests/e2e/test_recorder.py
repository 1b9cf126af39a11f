"""The recorder on a real control plane: its log and its watches tell the same of each sync."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest
from control_planes import Plane, open_plane, wait_until
from e2e.metrics_stub import metrics_stub
from e2e.test_control_plane import aggregated, scaled

from scalecert.clock import unix_seconds
from scalecert.worlds.api_server import Collection
from scalecert.worlds.local.control_plane import ControllerFlags
from scalecert.worlds.recorder.controller_log import ControllerLog, read_controller_log
from scalecert.worlds.recorder.klog import read_klog
from scalecert.worlds.recorder.observations import Observed, What, conditions, hpa_events
from scalecert.worlds.recorder.syncs import group_syncs
from scalecert.worlds.recorder.watching import Watcher

pytestmark = pytest.mark.e2e

SYNC_SECONDS = 1.0
NAMED = {"fieldSelector": "metadata.name=scaled"}
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
ABOUT = {"fieldSelector": "involvedObject.kind=HorizontalPodAutoscaler"}
COLLECTIONS: Mapping[What, Collection] = {
    "hpa": Collection(AUTOSCALERS, NAMED),
    "target": Collection("/apis/apps/v1/namespaces/default/deployments", NAMED),
    "pod": Collection("/api/v1/namespaces/default/pods", {"labelSelector": "app=scaled"}),
    "event": Collection("/api/v1/namespaces/default/events", ABOUT),
}


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[ControllerLog, Observed]]:
    """Return what is told of an HPA that scales from 1 to 3 and then loses its metrics API."""
    with open_plane("e2e-recorder") as plane:
        began = unix_seconds()
        flags = ControllerFlags(sync_period_seconds=SYNC_SECONDS)
        with Watcher(plane.control_plane.kubeconfig, COLLECTIONS) as watcher:
            _scale(plane, flags)
            wait_until(lambda: "failed to compute" in plane.log("kube-controller-manager"))
            wait_until(lambda: len(conditions(watcher.observed().changes)) > 2)
            plane.control_plane.stop_controllers()
        entries = read_klog(plane.log("kube-controller-manager"), near_unix=began)
        log = read_controller_log(entries, "default/scaled", "Deployment/default/scaled")
        yield log, watcher.observed()


def _scale(plane: Plane, flags: ControllerFlags) -> None:
    with metrics_stub(plane.control_plane.pki, plane.directory.address) as (stub, port):
        for manifest in aggregated(plane, port):
            plane.apply(manifest)
        plane.control_plane.start_controllers(flags)
        stub.value = 30
        for manifest in scaled():
            plane.apply(manifest)
        wait_until(lambda: plane.get("deployment", "scaled")["status"].get("replicas") == 3)


def test_the_log_has_each_sync(told: tuple[ControllerLog, Observed]):
    """One scales, some decide not to, and the last ones fail; each by itself, in UTC."""
    log, observed = told
    (scaling,) = [sync for sync in log.syncs if not sync.failed and sync.before != sync.desired]
    assert (scaling.before, scaling.desired, scaling.proposed) == (1, 3, 3)
    assert log.syncs[-1].failed
    assert not log.syncs[0].failed
    times = [sync.time_unix for sync in log.syncs]
    assert all(later - earlier > SYNC_SECONDS / 2 for earlier, later in pairwise(times))
    assert abs(times[0] - observed.changes[-1].time_unix) < 60.0


def test_the_watcher_saw_what_it_did(told: tuple[ControllerLog, Observed]):
    """The target's replicas, its pods, and the HPA's conditions and events."""
    log, observed = told
    specs = [one.object["spec"]["replicas"] for one in observed.changes if one.what == "target"]
    assert (specs[0], specs[-1]) == (1, 3)
    pods = {one.object["metadata"]["name"] for one in observed.changes if one.what == "pod"}
    assert len(pods) == 3
    assert not any("managedFields" in one.object["metadata"] for one in observed.changes)

    events, states = hpa_events(observed.changes), conditions(observed.changes)
    syncs = group_syncs(log.syncs, (), log.events or events, states, 1)
    (scaling,) = [sync for sync in syncs if sync.before != sync.desired]
    assert "SuccessfulRescale" in {event.reason for event in scaling.events}
    assert ("AbleToScale", "True", "SucceededRescale") in scaling.conditions
    (first_failure, *_) = [sync for sync, end in zip(syncs, log.syncs, strict=True) if end.failed]
    assert "FailedGetExternalMetric" in {event.reason for event in first_failure.events}
    assert ("ScalingActive", "False", "FailedGetExternalMetric") in first_failure.conditions
