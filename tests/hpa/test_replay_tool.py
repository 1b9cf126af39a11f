"""tools/replay_hpa.py: any file of the recorded formats, told by its content."""

from __future__ import annotations

import gzip
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
