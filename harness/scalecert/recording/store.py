"""Recordings on disk: saved before the first check, so that judging needs no world.

A folder holds `scenario.json` (the Plan), `series.npz`, `requests.npz` and `events.jsonl`, each
with its schema version. Equal recordings give equal bytes: no wall time, no host name, canonical
JSON, arrays uncompressed (the bytes of a compressed one depend on the zlib at hand), sorted, and
dated 1980 in their zip.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from scalecert.documents import API_VERSION, canonical_json, decode_stored, read_stored
from scalecert.errors import HarnessBug, UsageError
from scalecert.recording.archives import DamagedArchiveError, read_columns
from scalecert.recording.model import Column, Recording
from scalecert.recording.plan import Plan

PLAN_FILE = "scenario.json"
SERIES_FILE = "series.npz"
REQUESTS_FILE = "requests.npz"
EVENTS_FILE = "events.jsonl"
FILES = (PLAN_FILE, REQUESTS_FILE, SERIES_FILE, EVENTS_FILE)
"""Every file of a recording."""

_VERSION_KEY = "api_version"
_EVENTS_HEADER = {"apiVersion": API_VERSION, "kind": "Events"}

REQUEST_COLUMNS: Mapping[str, str] = {
    "arrival_seconds": "<f8",
    "sent_seconds": "<f8",
    "first_token_seconds": "<f8",
    "last_token_seconds": "<f8",
    "input_tokens": "<i4",
    "output_tokens": "<i4",
    "status": "<i1",
    "replica": "<i4",
}
"""The columns that every `requests.npz` has, and their types."""

OPTIONAL_COLUMNS: Mapping[str, str] = {"scheduled_seconds": "<f8", "streamed": "<i1"}
"""Those that it may lack: earlier releases did not record them, and not every world can."""

SERIES_GROUPS: Mapping[str, tuple[str, ...]] = {
    "pods": ("spec", "created", "bound", "ready", "terminating"),
    "sync": ("spec_replicas", "ready_replicas", "desired_replicas"),
    "engine": ("outstanding",),
}
"""The series that every recording has, beside `<group>.time_seconds`; a group may have more."""


def save(recording: Recording, directory: Path) -> None:
    """Write a recording to `directory`, replacing an older one as a whole.

    Raises:
        HarnessBug: if a column or series is missing or of the wrong length.
        UsageError: if `directory` holds something that is not a recording, or can't be written.
    """
    problem = _problem(recording.series, recording.requests)
    if problem:
        raise HarnessBug(f"recording can't be saved: {problem}")
    files = {
        PLAN_FILE: canonical_json(recording.plan),
        SERIES_FILE: _npz_bytes(recording.series),
        REQUESTS_FILE: _npz_bytes(_typed(recording.requests)),
        EVENTS_FILE: _jsonl_bytes(recording.events),
    }
    try:
        _replace_folder(directory, files)
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", file=str(directory)) from error


def load_plan(directory: Path) -> Plan:
    """Read the plan of a recording alone.

    Raises:
        UsageError: if it is missing, damaged or of another schema version.
    """
    return _read_plan(directory / PLAN_FILE)


def digest(directory: Path) -> str:
    """Return `sha256:` and the digest of a recording's files, their names and bytes.

    Raises:
        UsageError: if one can't be read.
    """
    found = hashlib.sha256()
    for name in sorted(FILES):
        data = read_stored(directory / name)
        found.update(b"%d:%b%d:" % (len(name), name.encode(), len(data)))
        found.update(data)
    return f"sha256:{found.hexdigest()}"


def load(directory: Path) -> Recording:
    """Read a recording back.

    Raises:
        UsageError: if a file is missing, damaged, of another schema version or lacks a column.
    """
    if not directory.is_dir():
        raise UsageError(
            "no such folder, expected a recording",
            file=str(directory),
            hint="the folder that holds scenario.json, e.g. out/recordings/steady",
        )
    plan = _read_plan(directory / PLAN_FILE)
    series = _read_npz(directory / SERIES_FILE)
    requests = _read_npz(directory / REQUESTS_FILE)
    events = _read_events(directory / EVENTS_FILE)
    for name, problem in (
        (SERIES_FILE, _series_problem(series)),
        (REQUESTS_FILE, _requests_problem(requests)),
    ):
        if problem:
            raise UsageError(problem, file=str(directory / name), hint=_RECORD_AGAIN)
    return Recording(plan=plan, series=series, requests=requests, events=events)


_RECORD_AGAIN = "record the scenario again"


def _problem(series: Mapping[str, Column], requests: Mapping[str, Column]) -> str:
    return _series_problem(series) or _requests_problem(requests)


def _requests_problem(requests: Mapping[str, Column]) -> str:
    found = set(requests) - set(OPTIONAL_COLUMNS)
    if found != set(REQUEST_COLUMNS):
        return _difference("columns", found, set(REQUEST_COLUMNS))
    lengths = {column.shape for column in requests.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        return "found columns of different lengths, expected one entry a request"
    return _not_numeric(requests)


def _series_problem(series: Mapping[str, Column]) -> str:
    needed = {f"{group}.{name}" for group, names in SERIES_GROUPS.items() for name in names}
    needed |= {_time_of(name) for name in series} | {f"{g}.time_seconds" for g in SERIES_GROUPS}
    if not needed <= set(series):
        return _difference("series", set(series) & needed, needed)
    for name, values in series.items():
        if values.ndim != 1 or values.shape != series[_time_of(name)].shape:
            return f"found {name} not as long as {_time_of(name)}"
    return _not_numeric(series)


def _time_of(name: str) -> str:
    return f"{name.split('.', 1)[0]}.time_seconds"


def _not_numeric(columns: Mapping[str, Column]) -> str:
    for name, column in columns.items():
        if column.dtype.kind not in "iuf":
            return f"found {name} of type {column.dtype}, expected numbers"
    return ""


def _difference(what: str, found: set[str], expected: set[str]) -> str:
    missing, extra = sorted(expected - found), sorted(found - expected)
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"has unknown {', '.join(extra)}"] if extra else []
    return f"wrong {what}: {'; '.join(parts)}"


def _typed(requests: Mapping[str, Column]) -> dict[str, Column]:
    types = {**REQUEST_COLUMNS, **OPTIONAL_COLUMNS}
    return {name: np.asarray(requests[name], types[name]) for name in types if name in requests}


def _npz_bytes(columns: Mapping[str, Column]) -> bytes:
    buffer = io.BytesIO()
    named = {_VERSION_KEY: np.array(API_VERSION), **columns}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(named):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # the byte must not tell Windows from Linux
            with archive.open(member, "w", force_zip64=True) as stream:
                _write_array(stream, named[name])
    return buffer.getvalue()


def _write_array(stream: IO[bytes], column: Column) -> None:
    little = column.astype(column.dtype.newbyteorder("<"), order="C", copy=False)
    np.lib.format.write_array(stream, little, allow_pickle=False)


def _jsonl_bytes(events: tuple[Mapping[str, Any], ...]) -> bytes:
    lines = [msgspec.json.encode(event, order="sorted") for event in (_EVENTS_HEADER, *events)]
    return b"\n".join(lines) + b"\n"


def _replace_folder(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder beside the old one, then swap: no reader sees a part of it."""
    if directory.is_dir() and any(directory.iterdir()) and not (directory / PLAN_FILE).exists():
        raise UsageError(
            "found other files, expected an older recording or nothing", file=str(directory)
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    stale = directory.with_name(f".{directory.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        if directory.exists():
            directory.replace(stale)
        fresh.replace(directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


def _read_plan(path: Path) -> Plan:
    data = read_stored(path)
    header = decode_stored(data, dict[str, Any], path, hint=_RECORD_AGAIN)
    _expect_version(str(header.get("apiVersion")), path)
    return decode_stored(data, Plan, path, hint=_RECORD_AGAIN)


def _read_npz(path: Path) -> dict[str, Column]:
    try:
        columns = read_columns(read_stored(path))
    except DamagedArchiveError as error:
        raise UsageError(f"is damaged: {error}", file=str(path), hint=_RECORD_AGAIN) from error
    _expect_version(str(columns.pop(_VERSION_KEY, None)), path)
    return columns


def _read_events(path: Path) -> tuple[Mapping[str, Any], ...]:
    lines = read_stored(path).splitlines()
    events = []
    for number, line in enumerate(lines, start=1):
        event = decode_stored(line, dict[str, Any], path, line=number, hint=_RECORD_AGAIN)
        events.append(event)
    _expect_version(str(events[0].get("apiVersion") if events else None), path)
    return tuple(events[1:])


def _expect_version(found: str, path: Path) -> None:
    if found != API_VERSION:
        raise UsageError(
            f"found schema version {found}, expected {API_VERSION}",
            file=str(path),
            hint=_RECORD_AGAIN,
        )
