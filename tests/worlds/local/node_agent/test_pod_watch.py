"""Following the pods of an API server that comes and goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3
from worlds.local.node_agent.pods import pod_object

from scalecert.worlds.local.node_agent.kube_api import ApiError, KubeApi, PodEvent, PodList
from scalecert.worlds.local.node_agent.pod_watch import PodWatch

Step = PodEvent | str | Exception


class Script:
    """An API server that lists and tells what it is given, watch after watch."""

    def __init__(self, lists: list[PodList], watches: list[list[Step]]) -> None:
        self._lists, self._watches = lists, watches
        self.versions: list[str] = []

    def list_pods(self) -> PodList:
        return self._lists.pop(0)

    def watch_pods(self, resource_version: str) -> Iterator[PodEvent | str]:
        self.versions.append(resource_version)
        for step in self._watches.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step


def event(kind: str, name: str, version: str) -> PodEvent:
    return PodEvent(kind, pod_object(name, resourceVersion=version))


def follow(script: Script, times: int) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    watch = PodWatch(
        script,  # type: ignore[arg-type] - as much of an API as a watch needs
        lambda events: told.extend((one.kind, one.pod.metadata.name) for one in events),
        lambda error: pytest.fail(str(error)),
    )
    for _ in range(times):
        watch.follow()
    return told


def test_a_watch_goes_on_where_the_last_one_ended():
    """At the version of the last event or bookmark; nothing is listed again."""
    script = Script(
        [PodList((pod_object("a"),), "7")],
        [[event("ADDED", "b", "8")], ["12"], []],
    )
    assert follow(script, 3) == [("MODIFIED", "a"), ("ADDED", "b")]
    assert script.versions == ["7", "8", "12"]


def test_a_version_that_is_too_old_is_listed_anew():
    """Pods that went meanwhile are told as deleted, before those that are there."""
    script = Script(
        [PodList((pod_object("a"), pod_object("b")), "7"), PodList((pod_object("b"),), "20")],
        [[ApiError(410, "too old")], []],
    )
    assert follow(script, 2) == [
        ("MODIFIED", "a"),
        ("MODIFIED", "b"),
        ("DELETED", "a"),
        ("MODIFIED", "b"),
    ]
    assert script.versions == ["7", "20"]


def test_a_connection_that_breaks_is_made_again():
    """At the version that was reached."""
    broken = urllib3.exceptions.ProtocolError("gone")
    script = Script(
        [PodList((), "7")], [[event("ADDED", "a", "8"), broken], [event("DELETED", "a", "9")]]
    )
    assert follow(script, 1) == [("ADDED", "a"), ("DELETED", "a")]
    assert script.versions == ["7", "8"]


def test_what_the_api_server_refuses_is_no_reason_to_try_again():
    """Whoever may not watch learns nothing by asking twice."""
    script = Script([PodList((), "7")], [[ApiError(403, "no")]])
    with pytest.raises(ApiError):
        follow(script, 1)


def test_an_agent_needs_a_kubeconfig(tmp_path):
    """Without one it says which it was."""
    from scalecert.errors import EnvironmentFault

    with pytest.raises(EnvironmentFault, match="kubeconfig"):
        KubeApi(tmp_path / "kubeconfig")
