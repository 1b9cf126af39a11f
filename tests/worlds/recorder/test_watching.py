"""The watcher against an API server that ends, breaks and forgets watches."""

from __future__ import annotations

import math
from collections import deque
from threading import Event, active_count

import pytest
from worlds.recorder.fake_api_server import FakeApiServer, thing

from scalecert.errors import EnvironmentFault
from scalecert.metrics.canary import Heartbeat
from scalecert.worlds.api_server import Collection
from scalecert.worlds.recorder import CanaryQuestions, Watcher, watching

PODS = "/api/v1/namespaces/default/pods"
LIMIT_SECONDS = 10.0


@pytest.fixture
def server():
    fake = FakeApiServer()
    yield fake
    fake.close()


def watcher_of(server, tmp_path, canary=None):
    collections = {"pod": Collection(PODS, {"labelSelector": "app=x"})}
    return Watcher(server.kubeconfig(tmp_path / "kubeconfig"), collections, canary)


def watched(server, tmp_path, expected):
    """Return (change, name) of what is seen until the server has nothing more to tell."""
    with watcher_of(server, tmp_path) as watcher:
        assert server.idle.wait(LIMIT_SECONDS)
        wait_for(lambda: len(watcher.observed().changes) >= expected)
    return [(one.change, one.object["metadata"]["name"]) for one in watcher.observed().changes]


def wait_for(condition):
    pause = Event()
    for _ in range(round(LIMIT_SECONDS / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen in time")


def event(kind, document):
    return {"type": kind, "object": document}


def test_it_lists_and_then_watches_from_the_lists_version(server, tmp_path):
    """What is there is LISTED; changes come with the time at which they were heard."""
    server.lists[PODS] = deque([([thing("a", 3)], "7")])
    server.watches[PODS].append([event("ADDED", thing("b", 8)), event("DELETED", thing("a", 9))])
    assert watched(server, tmp_path, 3) == [("LISTED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    (_, listed, authorized), (_, asked, _) = server.asked
    assert listed == {"labelSelector": "app=x"}
    assert asked["resourceVersion"] == "7"
    assert asked["labelSelector"] == "app=x"
    assert authorized == "Bearer secret"


def test_it_goes_on_from_the_last_version_when_a_watch_ends(server, tmp_path):
    """Bookmarks count; nothing is told twice and nothing is lost."""
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    server.watches[PODS] += [
        [event("ADDED", thing("a", 8)), bookmark],
        [event("MODIFIED", thing("a", 21))],
        [],
    ]
    assert watched(server, tmp_path, 2) == [("ADDED", "a"), ("MODIFIED", "a")]
    versions = [query["resourceVersion"] for _, query, _ in server.asked if "watch" in query]
    assert versions == ["1", "20", "21"]


@pytest.mark.parametrize(
    "gone", [410, [{"type": "ERROR", "object": {"code": 410, "message": "too old"}}]]
)
def test_what_was_missed_is_told_when_a_version_is_too_old(server, tmp_path, gone):
    """It lists again: new, changed and vanished objects are seen, others are not seen again."""
    same, changed, vanished = thing("same", 1), thing("changed", 2), thing("vanished", 3)
    later = [same, thing("changed", 6), thing("new", 7)]
    server.lists[PODS] = deque([([same, changed, vanished], "5"), (later, "9")])
    server.watches[PODS] += [gone, []]
    with watcher_of(server, tmp_path) as watcher:
        wait_for(lambda: len(watcher.observed().changes) >= 6)
    told = [(one.change, one.object["metadata"]["name"]) for one in watcher.observed().changes[3:]]
    assert sorted(told) == [("ADDED", "new"), ("DELETED", "vanished"), ("MODIFIED", "changed")]


def test_it_stops_while_nothing_happens_and_leaves_no_thread(server, tmp_path):
    """An idle watch does not hold up the end of a run."""
    before = active_count()
    watcher = watcher_of(server, tmp_path)
    watcher.start()
    assert server.idle.wait(LIMIT_SECONDS)
    watcher.stop()
    assert not [follower for follower in watcher._followers if follower._thread.is_alive()]
    assert active_count() <= before + 2  # the fake server's own, one an open connection


def test_an_api_server_that_stays_away_is_told(server, tmp_path, monkeypatch):
    """A recording with a hole in it would be judged as if nothing had happened there."""
    monkeypatch.setattr(watching, "LIMIT_SECONDS", 0.2)
    server.watches[PODS] += [500] * 1000
    watcher = watcher_of(server, tmp_path)
    watcher.start()
    wait_for(lambda: not watcher._followers[0]._thread.is_alive())
    with pytest.raises(EnvironmentFault, match="answered 500"):
        watcher.stop()


def test_an_api_server_that_can_not_be_asked_is_told_at_once(tmp_path):
    """Before a run begins, not after it."""
    fake = FakeApiServer()
    watcher = watcher_of(fake, tmp_path)
    fake.close()
    with pytest.raises(EnvironmentFault, match="did not answer"):
        watcher.start()


def test_the_canary_is_asked_for_again_and_again(server, tmp_path):
    """Each path by its own URL; an error is an answer, too."""
    server.others["/alive"] = (200, b"12")
    server.others["/dead"] = (503, b"gone")

    def read(path, status, body, now):
        return Heartbeat(path, float(body)) if status == 200 else Heartbeat(path, math.nan, "down")

    urls = {"google-custom": "/alive", "resource": "/dead"}
    questions = CanaryQuestions(urls, read, period_seconds=0.01)
    with watcher_of(server, tmp_path, questions) as watcher:
        wait_for(lambda: len(watcher.observed().heard) >= 6)
    observed = watcher.observed()
    assert observed.paths == ("google-custom", "resource")
    alive, dead = observed.heard[2:4]
    assert (alive.beat.path, alive.beat.age_seconds, alive.beat.error) == ("google-custom", 12, "")
    assert dead.beat.error == "down"
    assert alive.time_unix <= dead.time_unix
