"""The soak of `nox -s soak`, so short that it runs each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scalecert.engines.registry import engine_names

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("engine", engine_names())
def test_every_request_is_accounted_for(engine: str) -> None:
    """With clients that leave and faults that come and go: books, gauges, memory, open files."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("the server needs a core and its clients another")
    done = subprocess.run(
        [sys.executable, "benchmarks/soak.py", "--seconds", "7", "--streams", "24", engine],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
