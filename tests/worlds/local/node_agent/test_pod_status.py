"""Statuses as a kubelet writes them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.worlds.local.node_agent.container_state import CRASH_LOOP, ContainerState
from scalecert.worlds.local.node_agent.pod_status import PodStatus


def status_of(*containers: ContainerState, **fields: Any) -> PodStatus:
    return PodStatus("127.7.7.10", "127.7.7.2", 0.0, containers, **fields)


def conditions(status: PodStatus, now: float) -> dict[str, tuple[str, str]]:
    found = status.document(now)["conditions"]
    return {one["type"]: (one["status"], one["lastTransitionTime"][-9:-1]) for one in found}


def test_a_server_comes_up():
    """Pending, Running, ready: each condition has the time of its own change."""
    server = ContainerState("server", "image", has_startup=True, has_readiness=True)
    status = status_of(server)
    assert status.phase == "Pending"
    assert conditions(status, 0.0)["Ready"] == ("False", "00:00:00")
    server.run(5.0, "id")
    assert (status.phase, server.started, status.ready) == ("Running", False, False)
    server.startup_succeeded = True
    assert (server.started, status.ready) == (True, False)
    assert conditions(status, 7.0)["Ready"] == ("False", "00:00:00")
    server.readiness_succeeded = True
    found = conditions(status, 9.0)
    assert found["Ready"] == found["ContainersReady"] == ("True", "00:00:09")
    assert found["Initialized"] == ("True", "00:00:00")


def test_without_probes_a_container_is_ready_when_it_runs():
    """Its pod too."""
    server = ContainerState("server", "image")
    status = status_of(server)
    server.run(1.0, "id")
    assert status.ready


def test_a_container_that_crashes_waits_and_runs_again():
    """The pod stays Running; how it ended is told, and how often it was restarted."""
    server = ContainerState("server", "image")
    status = status_of(server)
    server.run(1.0, "first")
    server.end(137, 2.0)
    server.wait(CRASH_LOOP, "back-off 10s")
    told = status.document(3.0)["containerStatuses"][0]
    assert told["state"]["waiting"]["reason"] == CRASH_LOOP
    assert told["lastState"]["terminated"]["exitCode"] == 137
    assert (status.phase, status.ready, told["restartCount"]) == ("Running", False, 0)
    server.run(12.0, "second")
    told = status.document(12.0)["containerStatuses"][0]
    assert told["restartCount"] == 1
    assert told["lastState"]["terminated"]["containerID"] == "first"
    assert status.ready


def test_a_pod_that_is_over_says_how_its_containers_ended():
    """Succeeded if all did, and not ready in any case."""
    for code, phase, reason in ((0, "Succeeded", "PodCompleted"), (1, "Failed", "PodFailed")):
        one, other = ContainerState("a", "image"), ContainerState("b", "image")
        status = status_of(one, other)
        for state in (one, other):
            state.run(1.0, "id")
        one.end(0, 2.0)
        other.end(code, 3.0)
        status.is_over = True
        document = status.document(3.0)
        assert document["phase"] == phase
        ready = next(one for one in document["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", reason)


def test_a_pod_that_was_deleted_before_it_ran_has_failed():
    """No condition says otherwise."""
    status = status_of(ContainerState("server", "image"), is_over=True)
    assert status.document(1.0)["phase"] == "Failed"


def test_init_containers_come_first_and_sidecars_have_to_be_ready():
    """A sidecar counts among the containers that make a pod ready."""
    init, proxy = ContainerState("init", "image"), ContainerState("proxy", "image")
    server = ContainerState("server", "image")
    status = status_of(server, init_containers=[init, proxy], sidecars=frozenset({"proxy"}))
    assert conditions(status, 0.0)["Initialized"][0] == "False"
    init.skip(1.0)
    assert conditions(status, 1.0)["Initialized"][0] == "False"
    proxy.run(2.0, "id")
    assert conditions(status, 2.0)["Initialized"] == ("True", "00:00:02")
    server.run(3.0, "id")
    assert status.ready
    proxy.end(1, 4.0)
    assert not status.ready
    assert conditions(status, 5.0)["Initialized"] == ("True", "00:00:02")


@given(st.lists(st.sampled_from(["run", "end", "fail", "started", "ready", "unready", "wait"])))
@settings(max_examples=80, derandomize=True)
def test_whatever_happens_the_status_holds_together(steps: list[str]):
    """Ready needs a started container that runs; a pod that ran is never Pending again.

    A condition has the time of its last change.
    """
    server = ContainerState("server", "image", has_startup=True, has_readiness=True)
    status, ran, last = status_of(server), False, {}
    for now, step in enumerate(steps):
        _take(server, step, float(now))
        ran = ran or "running" in server.status()["state"]
        document = status.document(float(now))
        told = document["containerStatuses"][0]
        assert not told["ready"] or told["started"]
        assert not told["started"] or "running" in told["state"]
        assert document["phase"] == ("Running" if ran else "Pending")
        found = {one["type"]: one for one in document["conditions"]}
        assert found["Ready"]["status"] == found["ContainersReady"]["status"]
        assert (found["Ready"]["status"] == "True") is told["ready"]
        for kind, one in found.items():
            if kind in last and last[kind]["status"] == one["status"]:
                assert one["lastTransitionTime"] == last[kind]["lastTransitionTime"]
        last = found


def _take(server: ContainerState, step: str, now: float) -> None:
    running = "running" in server.status()["state"]
    if step == "run" and not running:
        server.run(now, f"id-{now}")
    elif step in ("end", "fail") and running:
        server.end(0 if step == "end" else 1, now)
    elif step == "wait" and not running:
        server.wait(CRASH_LOOP)
    elif step == "started" and running:
        server.startup_succeeded = True
    elif step in ("ready", "unready") and server.started:
        server.readiness_succeeded = step == "ready"
