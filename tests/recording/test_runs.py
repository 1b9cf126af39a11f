"""A case's recordings on disk: one order however they lie, and digests that miss no byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import (
    make_engine,
    make_errors,
    make_plan,
    make_policy,
    make_recording,
    make_scenario,
)
from msgspec.structs import replace

from scalecert.errors import UsageError
from scalecert.recording import store
from scalecert.recording.plan import Plan, Variation, WallClock
from scalecert.recording.runs import Runs, runs_in
from scalecert.recording.variations import FAST, SLOW, alone, guard_band, nominal

ERRORS = make_errors()
BAND = guard_band(9, ERRORS)
VARIATIONS = (*BAND, *alone(SLOW, 9, ERRORS), *alone(FAST, 9, ERRORS))
PLAN = make_plan(engine=make_engine(errors=ERRORS), scenario=make_scenario(duration=60.0))


def save_plan(folder: Path, variation: Variation, plan: Plan = PLAN) -> Path:
    """Save a recording under a run's name and return its folder."""
    target = folder / variation.name
    store.save(make_recording(plan=replace(plan, variation=variation)), target)
    return target


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a case's folder with all runs that there can be."""
    folder = tmp_path_factory.mktemp("case")
    for variation in VARIATIONS:
        save_plan(folder, variation)
    return folder


@pytest.mark.parametrize("first", range(len(VARIATIONS)))
def test_runs_are_in_the_order_in_which_they_were_made(case: Path, first: int) -> None:
    """Whatever order the disk has: seed 9 before 10, slow before fast, what is alone off last."""
    folders = [case / variation.name for variation in VARIATIONS]
    shuffled = [*folders[first::-1], *folders[:first:-1]]
    assert len(shuffled) == len(folders)
    assert runs_in(shuffled).folders == tuple(folders)
    assert runs_in(shuffled).nominal.plan.variation.name == "seed-9"


def test_runs_are_loaded_in_their_order(case: Path) -> None:
    """Iterating gives a recording for each folder, as often as asked for."""
    runs = runs_in(case.iterdir())
    names = [recording.plan.variation.name for recording in runs]
    assert names == [variation.name for variation in VARIATIONS]
    assert len(list(runs)) == len(VARIATIONS)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": make_policy(digest="sha256:another")},
        {"engine": make_engine(profile_digest="sha256:another")},
        {"scenario": make_scenario(duration=61.0)},
        {"objective": ()},
        {"world": "local"},
        {"wall_clock": WallClock(time_lapse=3)},
    ],
    ids=["policy", "profile", "scenario", "objective", "world", "time lapse"],
)
def test_runs_of_different_things_are_not_judged_together(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """A seed from before the policy was edited is no evidence for the policy as it is now."""
    first = save_plan(tmp_path, nominal(1))
    second = save_plan(tmp_path, nominal(2), replace(PLAN, **changes))
    with pytest.raises(
        UsageError, match="is of another policy, profile, objective, scenario or world"
    ):
        runs_in([second, first])
    assert runs_in([second]) == Runs((second,))


def test_a_plan_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """In one line, before anything is judged."""
    folder = save_plan(tmp_path, nominal(1))
    (folder / store.PLAN_FILE).write_text("{}")
    with pytest.raises(UsageError, match="scenario"):
        runs_in([folder])


def test_equal_recordings_have_equal_digests(tmp_path: Path) -> None:
    """Where they lie is not part of it."""
    digests = {store.digest(save_plan(tmp_path / name, nominal(1))) for name in "ab"}
    (digest,) = digests
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64


@pytest.mark.parametrize(
    "name", [store.PLAN_FILE, store.SERIES_FILE, store.REQUESTS_FILE, store.EVENTS_FILE]
)
def test_any_changed_byte_changes_the_digest(tmp_path: Path, name: str) -> None:
    """First, middle and last of each file; and one more."""
    folder = save_plan(tmp_path, nominal(1))
    original, data = store.digest(folder), (folder / name).read_bytes()
    for place in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        (folder / name).write_bytes(changed)
        assert store.digest(folder) != original
    (folder / name).write_bytes(data + b" ")
    assert store.digest(folder) != original
    (folder / name).write_bytes(data)
    assert store.digest(folder) == original


def test_bytes_that_change_files_change_the_digest(tmp_path: Path) -> None:
    """What is moved from the end of one file to the start of the next is told apart."""
    folder = save_plan(tmp_path, nominal(1))
    original = store.digest(folder)
    events, requests = folder / store.EVENTS_FILE, folder / store.REQUESTS_FILE
    last = events.read_bytes()[-1:]
    events.write_bytes(events.read_bytes()[:-1])
    requests.write_bytes(last + requests.read_bytes())
    assert store.digest(folder) != original


def test_a_digest_of_what_is_gone_is_refused(tmp_path: Path) -> None:
    """A missing file is named, not left out."""
    folder = save_plan(tmp_path, nominal(1))
    (folder / store.SERIES_FILE).unlink()
    with pytest.raises(UsageError, match=store.SERIES_FILE):
        store.digest(folder)
