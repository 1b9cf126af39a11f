"""Collections of the API are followed through whatever their watches go through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from worlds.local.monitors.fake_api import END, PATH, FakeApi, fake_api, thing

from scalecert.worlds.local.monitors.api import ApiServer, ApiUnavailable
from scalecert.worlds.local.monitors.watching import Collection

LIMIT_SECONDS = 20.0


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with fake_api(tmp_path) as served:
        yield served


class Followed:
    """A collection that is being followed until the test ends."""

    def __init__(self, api: FakeApi) -> None:
        self._changed = Event()
        self.collection = Collection(ApiServer(api.kubeconfig), PATH, self._changed.set)
        self.collection.start()
        api.at_end(self.collection.stop)

    def names(self) -> list[str]:
        """Return the names of the objects that it has."""
        return sorted(json.loads(raw)["metadata"]["name"] for raw in self.collection.objects())

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a change after which a condition holds."""
        while not is_so():
            assert self._changed.wait(LIMIT_SECONDS)
            self._changed.clear()

    def has(self, *names: str) -> None:
        """Wait until it has these objects and no other."""
        self.until(lambda: self.collection.is_listed and self.names() == sorted(names))


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
    followed.until(lambda: b'"10"' in b"".join(followed.collection.objects()))


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


def test_an_answer_that_is_none_is_said(api: FakeApi) -> None:
    """Who asks for a collection that nobody serves is told its path and the status."""
    with pytest.raises(ApiUnavailable, match="/apis/none answered 404"):
        ApiServer(api.kubeconfig).list("/apis/none")


def test_a_client_without_its_certificate_gets_no_answer(api: FakeApi, tmp_path: Path) -> None:
    """The kubeconfig's certificate is what lets the process in."""
    with fake_api(tmp_path / "other") as other:
        stranger = json.loads(other.kubeconfig.read_bytes())
    own = json.loads(api.kubeconfig.read_bytes())
    (tmp_path / "mixed").write_text(json.dumps({**own, "users": stranger["users"]}))
    with pytest.raises(ApiUnavailable, match="did not answer"):
        ApiServer(tmp_path / "mixed").list(PATH)
