"""The world of a session: opened once, told of, and closed, whatever its cases do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from factories import make_plan, make_recording

from scalecert import pipeline
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.pytest_plugin.session_world import SessionWorld, check_one_at_a_time


class FakeWorld:
    """A world whose runs are made by hand."""

    name = "local"

    def run(self, trial):
        return make_recording(plan=trial.plan)


class Events:
    """What was told, in a session that no command line has started."""

    watched = False

    def __init__(self) -> None:
        self.told: list[dict] = []

    def tell(self, **event) -> None:
        self.told.append(event)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let worlds be fake ones; returns what happened to them."""
    happened: list[str] = []

    @contextmanager
    def open_world(name: str, *, time_lapse: int, instance: str) -> Iterator[FakeWorld]:
        happened.append(f"open {name} {instance} x{time_lapse}")
        if instance == "broken":
            raise EnvironmentFault("etcd did not come up")
        yield FakeWorld()
        happened.append("closed")

    monkeypatch.setattr(pipeline, "open_world", open_world)
    return happened


def inputs(**changes) -> pipeline.Inputs:
    return pipeline.Inputs(**{"policies": (), "world": "local", "time_lapse": 5, **changes})


def test_a_world_is_opened_once_and_closed(opened: list[str]) -> None:
    """Not before it is needed, the same for every case, and nothing is left of it."""
    world = SessionWorld(inputs(instance="mine"), Events())
    assert opened == []
    assert world.opened() is world.opened()
    world.close()
    assert opened == ["open local mine x5", "closed"]


def test_closing_what_was_never_opened_does_nothing(opened: list[str]) -> None:
    """A session that only collected has no world."""
    SessionWorld(inputs(), Events()).close()
    assert opened == []


def test_a_world_that_did_not_come_up_is_not_tried_again(opened: list[str]) -> None:
    """Each further case says the same at once, instead of waiting once more."""
    world = SessionWorld(inputs(instance="broken"), Events())
    for _ in range(3):
        with pytest.raises(EnvironmentFault, match="etcd did not come up"):
            world.opened()
    assert opened == ["open local broken x5"]


def test_who_watches_is_told_of_each_run(opened: list[str]) -> None:
    """On the clock a run takes minutes: which begins, and how long it takes on the clock."""
    events = Events()
    recording = SessionWorld(inputs(), events).opened().run(SimpleNamespace(plan=make_plan()))
    assert recording.plan == make_plan()
    assert events.told == [
        {"begins": "seed-1", "subject": "vllm", "scenario": "steady", "seconds": 240.0}
    ]


def test_virtual_time_tells_nothing_of_its_runs() -> None:
    """They take no time worth telling, and may be made in other processes."""
    events = Events()
    world = SessionWorld(inputs(world="sim", time_lapse=1), events).opened()
    assert world.name == "sim"
    assert type(world).__name__ == "SimWorld"


class Config:
    """As much of pytest's configuration as is asked."""

    def __init__(self, *, dist: str = "no", jobs: int = 1) -> None:
        self.option = SimpleNamespace(dist=dist)
        self._jobs = jobs

    def getoption(self, name: str) -> int:
        assert name == "scalecert_jobs"
        return self._jobs


@pytest.mark.parametrize(
    ("given", "option"), [({"dist": "load"}, "-n"), ({"jobs": 2}, "--scalecert-jobs")]
)
def test_runs_on_the_clock_go_one_after_the_other(given, option) -> None:
    """Side by side they would measure each other; virtual time does not mind."""
    check_one_at_a_time(Config(), "local")
    check_one_at_a_time(Config(**given), "sim")
    with pytest.raises(UsageError) as refused:
        check_one_at_a_time(Config(**given), "local")
    assert str(refused.value) == (
        f"{option}: found runs side by side with --world local, expected one after the other"
        f" (leave {option} out)"
    )
