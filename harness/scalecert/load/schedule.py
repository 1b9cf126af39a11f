"""What a generator is told: its settings and the requests, in two files of the load's folder.

load.json       Settings
schedule.npy    one row a request, in order of arrival
ready-<i>       generator i is ready
begin.json      Beginning: when the run begins
answers-<i>.log what generator i saw (`answer_log`); renamed to answers-<i>.done at the end
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from scalecert.engines.api_client import ApiClient
from scalecert.load.offer import Offer, Service
from scalecert.scenario.model import Connections, Routing

SETTINGS_FILE = "load.json"
SCHEDULE_FILE = "schedule.npy"
BEGIN_FILE = "begin.json"

ROW = np.dtype(
    [
        ("request", "<i4"),
        ("arrival_seconds", "<f8"),
        ("input_tokens", "<i4"),
        ("output_tokens", "<i4"),
        ("streamed", "?"),
        ("draw", "<f8"),
    ]
)
"""One request: its place in the offer, and what the offer says of it."""

_COLUMNS = ("arrival_seconds", "input_tokens", "output_tokens", "streamed", "draw")

Rows = npt.NDArray[np.void]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the requests are asked; `generators` share them, request by request."""

    client: ApiClient
    routes: str
    routing: Routing
    connections: Connections
    time_lapse: int
    generators: int

    def idle_wall_seconds(self) -> float | None:
        """Return after how long a server closes an idle connection; None: never."""
        idle = self.client.idle_seconds
        return None if idle is None else idle / self.time_lapse


class Beginning(msgspec.Struct, frozen=True):
    """When the run begins, in seconds since 1970."""

    unix_seconds: float


def ready_file(folder: Path, generator: int) -> Path:
    """Return the file that says that a generator is ready."""
    return folder / f"ready-{generator}"


def answers_file(folder: Path, generator: int, *, done: bool) -> Path:
    """Return the file of what a generator saw, while it runs or after."""
    return folder / f"answers-{generator}.{'done' if done else 'log'}"


def write_schedule(folder: Path, offer: Offer, service: Service, generators: int) -> None:
    """Write both files."""
    settings = Settings(
        client=service.client,
        routes=str(service.routes.resolve()),
        routing=service.routing,
        connections=service.connections,
        time_lapse=service.time_lapse,
        generators=generators,
    )
    rows = np.empty(len(offer), dtype=ROW)
    rows["request"] = np.arange(len(offer))
    for name, column in zip(_COLUMNS, offer.columns(), strict=True):
        rows[name] = column
    np.save(folder / SCHEDULE_FILE, rows)
    (folder / SETTINGS_FILE).write_bytes(msgspec.json.encode(settings))


def read_settings(folder: Path) -> Settings:
    """Return how the requests are asked."""
    return msgspec.json.decode((folder / SETTINGS_FILE).read_bytes(), type=Settings)


def read_rows(folder: Path, generator: int, generators: int) -> Rows:
    """Return the requests of one of the generators: every one in so many, beginning with its own.

    Of any stretch of time each has the same share, whatever process the arrivals come from.
    """
    rows: Rows = np.load(folder / SCHEDULE_FILE, mmap_mode="r")
    return np.array(rows[generator::generators])


def write_beginning(folder: Path, unix_seconds: float) -> None:
    """Say when the run begins."""
    fresh = folder / f".{BEGIN_FILE}"
    fresh.write_bytes(msgspec.json.encode(Beginning(unix_seconds)))
    fresh.replace(folder / BEGIN_FILE)


def read_beginning(folder: Path) -> float | None:
    """Return when the run begins; None if nobody has said yet."""
    try:
        data = (folder / BEGIN_FILE).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(data, type=Beginning).unix_seconds


def touch(path: Path) -> None:
    """Create an empty file."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
