"""Worker processes of one session: the same bytes as without, one line for errors, no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from factories import make_scenario

from scalecert import pipeline
from scalecert.bundled import bundled
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.pytest_plugin import workers
from scalecert.recording.plan import SuiteRef
from scalecert.suite import Case

ROOT = Path(__file__).parents[2]
POLICY = str(bundled("fixtures", "policies") / "vllm-num-requests-running.yaml")


def config(jobs: int, **more: Any) -> pytest.Config:
    """Return as much of pytest's configuration as is asked."""
    options = {"scalecert_jobs": jobs}
    return cast("pytest.Config", SimpleNamespace(getoption=options.__getitem__, **more))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """Return two workers, as a session starts them."""
    found = workers.start(config(2))
    assert found is not None
    with found:
        yield found


def subject(seed: int = 1) -> pipeline.Subject:
    inputs = pipeline.Inputs((POLICY,), objective="ttft_p95=2s", capacity_per_second=1.8, seed=seed)
    return pipeline.subjects(inputs)[0]


def case(tokens: int = 64) -> Case:
    """Return a case of one minute whose prompts have so many tokens."""
    sizes = {
        "input": {"distribution": "fixed", "tokens": tokens},
        "output": {"distribution": "fixed", "tokens": 16},
    }
    workload = {"rate": {"shape": "constant", "rate": "0.4 max"}, "sizes": sizes}
    scenario = make_scenario(checks=["no-request-lost"], duration=60.0, workload=workload)
    return Case("steady", scenario, Path("steady.yaml"), SuiteRef("own", "1", "sha256:0"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (config(1), "one job is this process"),
        (config(4, workerinput={}), "workers of xdist have cases side by side already"),
    ],
)
def test_no_more_processes_than_are_of_use(asked: pytest.Config, reason: str) -> None:
    """Processes inside processes would only fight for the cores."""
    assert workers.start(asked) is None, reason


def test_runs_in_workers_are_byte_identical(tmp_path: Path, pool: Executor) -> None:
    """Whichever process makes a run; and the runs come back in their order."""
    here = pipeline.record(subject(), case(), tmp_path / "here")
    there = pipeline.record(subject(), case(), tmp_path / "there", workers=pool)
    assert [folder.name for folder in there.folders] == [folder.name for folder in here.folders]
    assert [folder.name for folder in here.folders] == [
        "seed-1",
        "seed-2",
        "seed-3",
        "slow",
        "fast",
    ]
    assert bytes_of(tmp_path / "here") == bytes_of(tmp_path / "there")
    assert len({recording.requests["arrival_seconds"].tobytes() for recording in here}) == 3


def test_an_error_of_the_users_arrives_as_one_line(tmp_path: Path, pool: Executor) -> None:
    """Kind, file and hint survive the way out of a worker."""
    with pytest.raises(UsageError) as caught:
        pipeline.record(subject(), case(tokens=9000), tmp_path, workers=pool)
    assert caught.value.file == "steady.yaml"
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.npz"))


def _end_abruptly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


SCRIPT = """\
import sys, time
from types import SimpleNamespace
from scalecert.pytest_plugin import workers

if __name__ == "__main__":
    pool = workers.start(SimpleNamespace(getoption=lambda name: 2))
    pool.submit(abs, 1).result()
    for _ in range(2):
        pool.submit(time.sleep, 600)
    print(*pool._processes, flush=True)
    time.sleep(600)
"""


def test_a_worker_that_is_killed_is_told_as_what_it_mostly_is(tmp_path: Path) -> None:
    """One line with the way out, no word of pools and futures."""
    lost = workers.start(config(2))
    assert lost is not None
    told = pytest.raises(EnvironmentFault, match=r"killed, .*: fewer --jobs need less$")
    with lost, told, workers.losses_told():
        lost.submit(_end_abruptly).result()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_session(tmp_path: Path, end: signal.Signals) -> None:
    """A pytest that is killed or runs out of memory can't tidy up: its workers do it themselves.

    At Ctrl-C nobody waits for the run that they are at.
    """
    script = tmp_path / "session.py"
    script.write_text(SCRIPT)
    session = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    with session:
        assert session.stdout is not None
        pids = [int(word) for word in session.stdout.readline().split()]
        assert pids
        if end == signal.SIGKILL:
            session.kill()
        else:
            os.killpg(session.pid, end)
        try:
            session.communicate(timeout=20)  # until nobody holds its standard output any more
        except subprocess.TimeoutExpired:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            pytest.fail("workers go on without a session")
