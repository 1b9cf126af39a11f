"""What a session tells the command line, and what it does when nobody listens."""

from __future__ import annotations

import json
import os

import pytest

from scalecert.pytest_plugin.events import Events


class Config:
    """As much of pytest's configuration as is asked; `workerinput` makes it a worker's of xdist."""

    def __init__(self, descriptor: int | None, *, worker: bool = False) -> None:
        self._descriptor = descriptor
        if worker:
            self.workerinput: dict[str, str] = {}

    def getoption(self, name: str) -> str | None:
        assert name == "scalecert_events"
        return None if self._descriptor is None else str(self._descriptor)


def test_an_event_is_a_line_of_json() -> None:
    """The command line reads line by line while the session goes on."""
    reading, writing = os.pipe()
    events = Events(Config(writing))
    events.tell(begins="seed-1", seconds=240.0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert [json.loads(line) for line in lines] == [{"begins": "seed-1", "seconds": 240.0}]
    assert events.watched


@pytest.mark.parametrize("worker", [True, False])
def test_who_has_no_pipe_tells_nobody(worker: bool) -> None:
    """Bare pytest has none, and workers of xdist have only its number."""
    events = Events(Config(12345 if worker else None, worker=worker))
    events.tell(begins="seed-1")
    assert not events.watched


def test_nobody_waits_any_more() -> None:
    """A session whose command line is gone ends at its next event."""
    reading, writing = os.pipe()
    events = Events(Config(writing))
    os.close(reading)
    with pytest.raises(pytest.exit.Exception, match="nobody waits"):
        events.tell(begins="seed-1")
    os.close(writing)
