"""Recordings on disk come back as they were, byte for byte equal, and are refused if damaged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from factories import make_plan, make_recording, make_requests, make_series, make_signal
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.errors import HarnessBug, UsageError
from scalecert.recording import store

EVENTS = ({"time": 0.0, "kind": "pod-ready", "pod": 0}, {"kind": "scale", "time": 15.0, "to": 2})


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_round_trip_keeps_every_value(tmp_path: Path) -> None:
    """What is judged again later is exactly what was judged first."""
    saved = make_recording(events=EVENTS)
    store.save(saved, tmp_path / "steady")
    loaded = store.load(tmp_path / "steady")
    assert loaded.plan == saved.plan
    assert loaded.events == saved.events
    for before, after in ((saved.series, loaded.series), (saved.requests, loaded.requests)):
        assert set(before) == set(after)
        for name in before:
            assert before[name].dtype == after[name].dtype
            assert before[name].tobytes() == after[name].tobytes()


@settings(max_examples=25, derandomize=True, deadline=None)
@given(values=st.lists(st.floats(width=64), min_size=80, max_size=80))
def test_any_float_survives(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    """NaN, infinities, negative zero and subnormals are kept bit by bit."""
    folder = tmp_path_factory.mktemp("floats")
    series = make_series(sync__metric__0__value=np.array(values))
    store.save(make_recording(series=series), folder / "run")
    loaded = store.load(folder / "run").series["sync.metric.0.value"]
    assert loaded.tobytes() == np.array(values).tobytes()


def test_equal_recordings_give_equal_bytes(tmp_path: Path) -> None:
    """The order in which series were recorded and the wall clock leave no trace."""
    first = make_recording(events=EVENTS)
    shuffled = make_recording(
        series=dict(reversed(make_series().items())),
        requests=dict(reversed(make_requests().items())),
        events=[dict(reversed(event.items())) for event in EVENTS],
    )
    store.save(first, tmp_path / "a")
    store.save(shuffled, tmp_path / "b")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_equal_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    """Another process with another PYTHONHASHSEED writes the same files."""
    code = (
        "import sys; from pathlib import Path; from factories import make_recording; "
        "from scalecert.recording import store; store.save(make_recording(), Path(sys.argv[1]))"
    )
    root = Path(__file__).parents[2]
    path = os.pathsep.join((str(root / "harness"), str(root / "tests")))
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(command, env=environment, check=True)
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2")


def test_saving_replaces_the_older_recording_whole(tmp_path: Path) -> None:
    """No file of the older run is left, and nothing lies beside the folder."""
    folder = tmp_path / "steady"
    store.save(make_recording(), folder)
    (folder / "notes.txt").write_text("of the older run")
    store.save(make_recording(plan=make_plan(seed=2)), folder)
    assert sorted(bytes_of(folder)) == [
        "events.jsonl", "requests.npz", "scenario.json", "series.npz",
    ]  # fmt: skip
    assert store.load(folder).plan.seed == 2
    assert [path.name for path in tmp_path.iterdir()] == ["steady"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    """Saving never deletes what is not a recording."""
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="found other files, expected an older recording"):
        store.save(make_recording(), tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_unwritable_place_is_the_users_error(tmp_path: Path) -> None:
    """A file where a folder should be is one line, no traceback."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        store.save(make_recording(), tmp_path / "out" / "steady")


def test_the_end_of_queueing_may_be_missing(tmp_path: Path) -> None:
    """Earlier releases did not record it; read and saved again, such a recording is the same."""
    older = make_recording(requests=without("scheduled_seconds"))
    store.save(older, tmp_path / "older")
    loaded = store.load(tmp_path / "older")
    assert set(loaded.requests) == set(store.REQUEST_COLUMNS)
    store.save(loaded, tmp_path / "again")
    assert bytes_of(tmp_path / "older") == bytes_of(tmp_path / "again")


def without(name: str) -> dict[str, np.ndarray]:
    columns = make_requests()
    del columns[name]
    return columns


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"requests": without("status")}, "wrong columns: lacks status"),
        ({"requests": make_requests(extra=np.zeros(3))}, "has unknown extra"),
        ({"requests": make_requests(replica=np.zeros(3))}, "different lengths"),
        ({"series": make_series(pods__spec=np.zeros(7))}, "pods.spec not as long as"),
        ({"series": {}}, "wrong series: lacks"),
        ({"series": make_series(pods__spec=np.array(["x"]))}, "expected numbers"),
    ],
)
def test_a_world_can_not_save_an_incomplete_recording(
    tmp_path: Path, parts: dict[str, dict[str, np.ndarray]], problem: str
) -> None:
    """A column that a world forgot is found when it is written, not by a check."""
    with pytest.raises(HarnessBug, match=problem):
        store.save(make_recording(**parts), tmp_path / "steady")


@pytest.mark.parametrize("name", ["scenario.json", "series.npz", "requests.npz", "events.jsonl"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "garbage", "version"])
def test_damage_is_one_line_that_names_the_file(tmp_path: Path, name: str, damage: str) -> None:
    """Every file may be missing, cut short, of another kind or of another schema version."""
    folder = tmp_path / "steady"
    store.save(make_recording(events=EVENTS), folder)
    path = folder / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "version":
        path.write_bytes(other_version(data, path.suffix))
    else:
        path.write_bytes(
            {"empty": b"", "half": data[: len(data) // 2], "garbage": b"\xff\x00"}[damage]
        )
    with pytest.raises(UsageError) as caught:
        store.load(folder)
    assert caught.value.file == str(path)
    assert "\n" not in str(caught.value)
    if damage == "version":
        assert "found schema version scalecert.dev/v9, expected scalecert.dev/v1" in str(
            caught.value
        )


def other_version(data: bytes, suffix: str) -> bytes:
    """Return the file as a later release might write it."""
    if suffix == ".npz":
        from io import BytesIO

        with np.load(BytesIO(data)) as archive:
            columns = {key: archive[key] for key in archive.files}
        buffer = BytesIO()
        np.savez(buffer, **{**columns, "api_version": np.array("scalecert.dev/v9")})
        return buffer.getvalue()
    return data.replace(b"scalecert.dev/v1", b"scalecert.dev/v9", 1)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    """A recording from elsewhere can't run code."""
    folder = tmp_path / "steady"
    store.save(make_recording(), folder)
    np.savez(folder / "series.npz", api_version=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UsageError, match="is damaged"):
        store.load(folder)


def test_a_loaded_recording_lacking_a_column_is_refused(tmp_path: Path) -> None:
    """A file that is whole but not ours is named with what it lacks."""
    folder = tmp_path / "steady"
    store.save(make_recording(), folder)
    np.savez(folder / "requests.npz", api_version=np.array("scalecert.dev/v1"))
    with pytest.raises(UsageError, match=r"requests\.npz: wrong columns: lacks arrival_seconds"):
        store.load(folder)


def test_no_folder_is_refused_with_an_example(tmp_path: Path) -> None:
    """A wrong path gets told what to name."""
    with pytest.raises(UsageError, match=r"no such folder, expected a recording .*scenario\.json"):
        store.load(tmp_path / "nowhere")


def test_an_unbounded_plan_value_can_be_saved(tmp_path: Path) -> None:
    """Signals without a maximum keep it absent."""
    plan = make_plan(signals=(make_signal(maximum=None),))
    store.save(make_recording(plan=plan), tmp_path / "run")
    assert store.load(tmp_path / "run").plan.signals[0].maximum is None


def test_an_event_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    """A byte that was overwritten is found where it is."""
    store.save(make_recording(events=EVENTS), tmp_path / "steady")
    events = tmp_path / "steady" / "events.jsonl"
    events.write_bytes(events.read_bytes() + b'{"kind": "\x80"}\n')
    with pytest.raises(UsageError, match=r"events\.jsonl:\d+: found the byte 0x80"):
        store.load(tmp_path / "steady")


def test_an_array_declared_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    """A recording from elsewhere can't take more memory than it has bytes."""
    store.save(make_recording(), tmp_path / "steady")
    series = tmp_path / "steady" / "series.npz"
    shape = re.search(rb"\((\d+),\)", series.read_bytes())
    assert shape is not None
    larger = b"9" * len(shape[1])
    series.write_bytes(series.read_bytes().replace(shape[0], b"(" + larger + b",)", 1))
    with pytest.raises(UsageError, match="is damaged"):
        store.load(tmp_path / "steady")
