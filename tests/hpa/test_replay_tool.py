"""tools/replay_hpa.py: any file of the recorded formats, told by its content."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = b'{"canon":"500m","float":0.5,"milli":500,"q":"0.5"}\n'
BAD = b'{"canon":"500m","float":0.5,"milli":501,"q":"0.5"}\n'
LIMIT = b"[325,92,624,25,650]\n"

Replay = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def replay() -> Replay:
    """Return a function that runs the tool as a user would, from nowhere near the package."""

    def run(*files: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "tools" / "replay_hpa.py"), *map(str, files)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_several_files_plain_or_zipped_are_added_up(tmp_path: Path, replay: Replay) -> None:
    """Kinds and compression are told by content, whatever the name; the last line is the sum."""
    (tmp_path / "one.txt").write_bytes(gzip.compress(GOOD + LIMIT))
    (tmp_path / "two.gz").write_bytes(GOOD)
    done = replay(tmp_path / "one.txt", tmp_path / "two.gz")
    assert done.stdout.splitlines()[-1] == "matched 3 of 3"
    assert done.returncode == 0


def test_a_mismatch_is_shown_and_fails(tmp_path: Path, replay: Replay) -> None:
    """A record that differs is named with both values; the exit status is 1."""
    (tmp_path / "cases").write_bytes(GOOD + BAD)
    done = replay(tmp_path / "cases")
    assert "expected ('', 501, 0.5, '500m'), found ('', 500, 0.5, '500m')" in done.stdout
    assert done.stdout.splitlines()[-1] == "matched 1 of 2"
    assert done.returncode == 1


@pytest.mark.parametrize("content", [b"not json\n", b'{"unknown": 1}\n', b'{"method": "x"}\n'])
def test_what_is_no_record_is_refused(tmp_path: Path, replay: Replay, content: bytes) -> None:
    """A line of no known kind is one line on stderr, with file and line, and exit status 2."""
    (tmp_path / "cases").write_bytes(GOOD + content)
    done = replay(tmp_path / "cases")
    assert done.stderr.startswith(f"{tmp_path / 'cases'}:2: ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 2


def test_a_missing_file_is_refused(tmp_path: Path, replay: Replay) -> None:
    """A file that is not there is one line on stderr and exit status 2."""
    done = replay(tmp_path / "nowhere")
    assert "nowhere" in done.stderr
    assert done.returncode == 2


def trajectory(*, error: str, events: list[list[str]]) -> bytes:
    """Return a run of two syncs that fail on pods without a request."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 4,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 80},
                },
            }
        ],
    }
    pods = [[number, "R", 0, "T", 0, 0, 0] for number in range(2)]
    usage = {"w": 1000, "it": [[number, 15_000, [[5]]] for number in range(2)]}
    active = ["ScalingActive", "False", "FailedGetResourceMetric", 15_000]
    observed = {
        "spec": 2,
        "cur": 2,
        "des": 0,
        "c": [["AbleToScale", "True", "SucceededGetScale", 15_000], active],
        "cm": [[""]],
        "ev": events,
        "err": error,
    }
    first = {"t": 15_000, "spec": 2, "status": 2, "pods": pods, "rm": usage, "o": observed}
    second = {"t": 30_000, "spec": 2, "status": 2, "rm": usage, "o": observed}
    return json.dumps(
        {
            "id": "T1",
            "cfg": {
                "down_stab_s": 300,
                "tolerance": 0.1,
                "cpu_init_s": 300,
                "rdy_delay_s": 30,
                "gate_scale_to_zero": False,
            },
            "hpa": {"user": spec, "spec": spec, "tol_down": 0.1, "tol_up": 0.1},
            "res": ["cpu"],
            "tpls": [{"c": [{"n": "app", "r": {}}]}],
            "syncs": [first, second | {"fault": "status_update"}],
        }
    ).encode()


FAILED_EVENTS = [
    ["Warning", "FailedGetResourceMetric"],
    ["Warning", "FailedComputeMetricsReplicas"],
]
UNWRITTEN = ["Warning", "FailedUpdateStatus"]


def test_of_errors_only_their_presence_counts(tmp_path: Path, replay: Replay) -> None:
    """Pods have no order upstream, so that an error may name any of several that are wrong."""
    (tmp_path / "runs").write_bytes(trajectory(error="another text", events=FAILED_EVENTS))
    assert replay(tmp_path / "runs").stdout.splitlines()[-1] == "matched 1 of 1"


def test_every_other_difference_fails_the_record(tmp_path: Path, replay: Replay) -> None:
    """An event more than was recorded is a mismatch, and shown."""
    events = [*FAILED_EVENTS, UNWRITTEN]
    (tmp_path / "runs").write_bytes(trajectory(error="any", events=events))
    done = replay(tmp_path / "runs")
    assert "sync 0 (t=15000): ev" in done.stdout
    assert done.stdout.splitlines()[-1] == "matched 0 of 1"
    assert done.returncode == 1
