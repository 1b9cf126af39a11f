"""A real Prometheus over samples that a test writes down, beside a database with the same ones."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

BASE_UNIX = 1_790_000_000.0
"""The time of the run's second 0 in Prometheus."""

LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Written:
    """One series: labels with the name, and (time of the run, value) in order."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def database_of(series: Sequence[Written], retention_seconds: float = 3600.0) -> TimeSeriesDatabase:
    """Return the series in the storage of a simulated run, of which nothing is dropped."""
    database = TimeSeriesDatabase(retention_seconds)
    for one in series:
        stored = database.series(one.labels)
        for time, value in one.points:
            stored.append(time, value)
    return database


def require_prometheus() -> None:
    """Skip the test where there is no Prometheus."""
    for name in ("prometheus", "promtool"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on PATH")


def unix(run_seconds: float, time_lapse: int) -> float:
    """Return the time in Prometheus of a time of the run."""
    return BASE_UNIX + run_seconds / time_lapse


@contextmanager
def prometheus_with(
    folder: Path, series: Sequence[Written], *, time_lapse: int, lookback_seconds: float = 300.0
) -> Iterator[str]:
    """Run a Prometheus that has scraped the series, K times faster; yield its URL."""
    data, written = folder / "data", folder / "samples.txt"
    written.write_text(_open_metrics(series, time_lapse))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(written), str(data)]
    subprocess.run(command, check=True, capture_output=True)
    with running_prometheus(
        folder, data, "", lookback_seconds=lookback_seconds / time_lapse
    ) as url:
        yield url


@contextmanager
def running_prometheus(
    folder: Path, data: Path, config: str, *, lookback_seconds: float = 300.0
) -> Iterator[str]:
    """Run a Prometheus with a configuration; yield its URL once it answers queries."""
    (folder / "prometheus.yml").write_text(config)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--query.lookback-delta={round(lookback_seconds * 1000)}ms",
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/-/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(url: str) -> None:
    retrying = Retrying(
        stop=stop_after_delay(LIMIT_SECONDS),
        wait=wait_fixed(0.02),
        retry=retry_if_exception_type((urllib3.exceptions.HTTPError, AssertionError)),
        reraise=True,
    )
    with urllib3.PoolManager(retries=False) as pool:
        for attempt in retrying:
            with attempt:
                assert pool.request("GET", url).status == 200


def _open_metrics(series: Sequence[Written], time_lapse: int) -> str:
    lines = []
    for one in sorted(series, key=lambda one: one.labels[NAME_LABEL]):
        labels = ",".join(
            f'{key}="{value}"' for key, value in one.labels.items() if key != NAME_LABEL
        )
        lines += [
            f"{one.labels[NAME_LABEL]}{{{labels}}} {value!r} {unix(time, time_lapse):.3f}"
            for time, value in one.points
        ]
    return "\n".join([*lines, "# EOF", ""])
