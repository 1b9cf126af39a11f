"""Collections of the API are followed through whatever their watches go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Queue
from threading import Event

import pytest
from worlds.api_server.fake_api import END, PATH, FakeApi, fake_api, thing

from scalecert.worlds.api_server import ApiServer, Change, Collection, Follower

LIMIT_SECONDS = 20.0


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with fake_api(tmp_path) as served:
        yield served


class Followed:
    """A collection that is being followed until the test ends."""

    def __init__(self, api: FakeApi) -> None:
        self._changed = Event()
        self.told: list[tuple[str, str]] = []
        self.follower = Follower(ApiServer(api.kubeconfig), Collection(PATH), self._take)
        self.follower.start()
        api.at_end(self.follower.stop)

    def names(self) -> list[str]:
        """Return the names of the objects that it has."""
        return sorted(one.name for one in self.follower.objects())

    def _take(self, changes: Sequence[Change]) -> None:
        self.told += [(one.kind, one.object.name) for one in changes]
        self._changed.set()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a change after which a condition holds."""
        while not is_so():
            assert self._changed.wait(LIMIT_SECONDS)
            self._changed.clear()

    def has(self, *names: str) -> None:
        """Wait until it has these objects and no other."""
        self.until(lambda: self.follower.is_listed and self.names() == sorted(names))


def test_a_collection_is_listed_and_then_watched_from_there(api: FakeApi) -> None:
    """What comes, changes and goes after the list is told by the watch."""
    api.objects, api.version = [thing("a", 3), thing("b", 4)], 7
    followed = Followed(api)
    followed.has("a", "b")
    assert api.asked.get(timeout=LIMIT_SECONDS) == "7"
    api.tell("ADDED", thing("c", 8))
    api.tell("DELETED", thing("a", 9))
    followed.has("b", "c")
    api.tell("MODIFIED", thing("b", 10))
    followed.until(lambda: "10" in [one.version for one in followed.follower.objects()])


def test_a_watch_that_ends_goes_on_where_it_was(api: FakeApi) -> None:
    """The server ends watches now and then; bookmarks move the version without an object."""
    followed = Followed(api)
    assert api.asked.get(timeout=LIMIT_SECONDS) == "1"
    api.tell("BOOKMARK", thing("", 40))
    api.events.put(END)
    assert api.asked.get(timeout=LIMIT_SECONDS) == "40"
    assert followed.names() == []


def test_a_version_that_is_forgotten_means_a_new_list(api: FakeApi) -> None:
    """What was missed is in it, and what is gone is not."""
    api.objects = [thing("a", 1)]
    followed = Followed(api)
    followed.has("a")
    api.objects, api.version = [thing("b", 50)], 60
    api.tell("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
    followed.has("b")


def test_a_collection_that_is_not_there_yet_is_waited_for(api: FakeApi) -> None:
    """A definition takes a moment to be served; 404 and 429 are such moments."""
    api.statuses, api.objects = [404, 429, 503], [thing("a", 1)]
    Followed(api).has("a")


def test_what_a_list_finds_is_told_oldest_first(api: FakeApi) -> None:
    """Ordinals of pods are given in the order in which they were made, whatever their names."""
    newer, older = thing("a", 5), thing("b", 4)
    newer["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    api.objects = [newer, older]
    followed = Followed(api)
    followed.has("a", "b")
    assert followed.told == [("LISTED", "b"), ("LISTED", "a")]


def test_one_that_gives_up_says_so(api: FakeApi) -> None:
    """After its limit, with the last answer; who follows must not go on as if nothing changed."""
    api.statuses = [500] * 1000
    lost: Queue[Exception] = Queue()
    server = ApiServer(api.kubeconfig)
    follower = Follower(server, Collection(PATH), lambda _: None, lost=lost.put, limit_seconds=0.1)
    follower.start()
    error = lost.get(timeout=LIMIT_SECONDS)
    assert "answered 500" in str(error)
    assert follower.problem is error


def test_what_its_hearer_can_not_take_ends_it(api: FakeApi) -> None:
    """An error in a thread is nobody's else: it is told, not swallowed."""
    api.objects = [thing("a", 1)]
    lost: Queue[Exception] = Queue()

    def refuse(changes: Sequence[Change]) -> None:
        raise ValueError(changes[0].object.name)

    Follower(ApiServer(api.kubeconfig), Collection(PATH), refuse, lost=lost.put).start()
    assert str(lost.get(timeout=LIMIT_SECONDS)) == "a"
