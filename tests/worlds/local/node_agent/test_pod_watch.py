"""Following the pods of an API server."""

from __future__ import annotations

from pathlib import Path
from queue import Queue

from worlds.api_server.fake_api import fake_api, thing

from scalecert.worlds.api_server import ApiServer
from scalecert.worlds.local.node_agent.pod_watch import PodEvent, pod_watch

LIMIT_SECONDS = 20.0


def test_pods_are_told_with_what_became_of_them(tmp_path: Path) -> None:
    """The pods of a list all at once, then each change by itself, read as the agent reads pods."""
    told: Queue[list[PodEvent]] = Queue()
    errors: list[Exception] = []
    with fake_api(tmp_path) as api:
        api.objects = [thing("a", 3) | {"spec": {"nodeName": "node-0"}}, thing("b", 4)]
        watch = pod_watch(ApiServer(api.kubeconfig), told.put, errors.append)
        api.at_end(watch.stop)
        watch.start()
        listed = told.get(timeout=LIMIT_SECONDS)
        assert [(one.kind, one.pod.metadata.name, one.pod.node_name) for one in listed] == [
            ("LISTED", "a", "node-0"),
            ("LISTED", "b", ""),
        ]
        api.tell("DELETED", thing("a", 9))
        (deleted,) = told.get(timeout=LIMIT_SECONDS)
        assert (deleted.kind, deleted.pod.metadata.uid) == ("DELETED", "uid-a")
    assert not errors
