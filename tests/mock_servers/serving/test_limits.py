"""How many connections a process makes room for."""

from __future__ import annotations

import resource

import pytest

from mock_servers.serving import limits
from mock_servers.serving.limits import MOST_CONNECTIONS, make_room_for
from scalecert.errors import UsageError


class System:
    """A system's limits of open files."""

    def __init__(self, soft: int, hard: int) -> None:
        self.soft, self.hard = soft, hard

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.soft, self.hard

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        self.soft, self.hard = limits


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "given", "soft_after"),
    [
        pytest.param(1024, 1 << 20, None, 4096, 4160, id="raised to the usual"),
        pytest.param(1024, resource.RLIM_INFINITY, None, 4096, 4160, id="no hard limit"),
        pytest.param(resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 4096, -1, id="none"),
        pytest.param(1024, 2048, None, 1984, 2048, id="fewer than usual, as the system says"),
        pytest.param(1024, 2048, 100, 100, 1024, id="there is room already"),
        pytest.param(1024, 20000, 10000, 10000, 10064, id="more than usual, asked for"),
    ],
)
def test_as_many_as_asked_for_and_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    asked: int | None,
    given: int,
    soft_after: int,
) -> None:
    """The soft limit is raised where that is needed, never lowered."""
    system = System(soft, hard)
    monkeypatch.setattr(limits.resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(limits.resource, "setrlimit", system.setrlimit)
    assert make_room_for(asked) == given
    assert system.soft == soft_after


def test_more_than_the_system_allows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a number must know that it can't be had."""
    system = System(1024, 2048)
    monkeypatch.setattr(limits.resource, "getrlimit", system.getrlimit)
    with pytest.raises(UsageError, match="may open 2048 files, expected 4160"):
        make_room_for(MOST_CONNECTIONS)
