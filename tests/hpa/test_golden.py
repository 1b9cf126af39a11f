"""The recorded cases of the real controller: every record is reproduced, all fields of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest
from hpa_replay.files import replay_file
from hpa_replay.trajectories import RecordedHpa
from hpa_replay.upstream import LEFT_OUT

from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler
from scalecert.hpa.horizontal import HorizontalController, HorizontalControllerConfig
from scalecert.hpa.types import decode_spec
from scalecert.hpa.validation import validate_horizontal_pod_autoscaler_spec


@pytest.mark.parametrize(
    ("file", "records"),
    [
        ("calculator.dev.jsonl.gz", 3200),
        ("trajectories.dev.jsonl.gz", 383),
        ("percent_limits.jsonl.gz", 2564),
        ("quantities.jsonl.gz", 600),
    ],
)
def test_every_record_matches(golden: Path, file: str, records: int) -> None:
    """Each record of each file is replayed, and nothing differs."""
    verdicts = list(replay_file(golden / file))
    assert [verdict for verdict in verdicts if verdict.mismatch or verdict.left_out] == []
    assert len(verdicts) == records


def test_upstreams_own_cases_match(upstream_cases: Path) -> None:
    """Of upstream's 284 cases, 268 are replayed and match; 16 are left out, by name."""
    verdicts = list(replay_file(upstream_cases))
    assert [verdict for verdict in verdicts if verdict.mismatch] == []
    assert sum(verdict.left_out is None for verdict in verdicts) == 268
    assert len(verdicts) == 284


def test_only_what_cannot_be_replayed_is_left_out(upstream_cases: Path) -> None:
    """The names left out are those with clients of their own, and the row that upstream skips."""
    unreplayable = set()
    for line in gzip.decompress(upstream_cases.read_bytes()).splitlines():
        record = msgspec.json.decode(line)
        if "<custom>" in record["case"].values() or record["case"].get("testThis"):
            unreplayable.add(record["test"])
    assert unreplayable == set(LEFT_OUT)


class Run(msgspec.Struct):
    """The parts of a trajectory that are about its HPAs."""

    class Sync(msgspec.Struct):
        """A sync that may change the HPA."""

        hpa: RecordedHpa | None = None

    class Flags(msgspec.Struct):
        """The controller's tolerance."""

        tolerance: float

    cfg: Flags
    hpa: RecordedHpa
    syncs: list[Sync]


def test_defaulting_validation_and_tolerances_are_those_of_the_api_server(golden: Path) -> None:
    """Every HPA of the recorded runs is taken, completed as recorded, with the same tolerances."""
    hpas = 0
    content = gzip.decompress((golden / "trajectories.dev.jsonl.gz").read_bytes())
    for line in content.splitlines():
        run = msgspec.json.decode(line, type=Run)
        config = HorizontalControllerConfig(tolerance=run.cfg.tolerance)
        for hpa in (run.hpa, *(sync.hpa for sync in run.syncs if sync.hpa is not None)):
            written = decode_spec(hpa.user)
            completed = set_defaults_horizontal_pod_autoscaler(written)
            tolerances = HorizontalController(config).tolerances_for_hpa(completed)
            assert completed == decode_spec(hpa.spec)
            assert validate_horizontal_pod_autoscaler_spec(written, scale_to_zero=True) == []
            assert tuple(tolerances) == (hpa.tol_down, hpa.tol_up)
            hpas += 1
    assert hpas > 500
