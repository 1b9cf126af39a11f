"""What a run leaves in `--out`, and where.

    out/certificate.json  junit.xml  recordings/<scenario-id>/<run>/scenario.json ...   one HPA
    out/<hpa>/certificate.json  junit.xml  recordings/...                               several

Both doors write by it and `recheck` reads by it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scalecert.errors import UsageError
from scalecert.recording.store import PLAN_FILE

CERTIFICATE = "certificate.json"
JUNIT = "junit.xml"
RECORDINGS = "recordings"

RunKey = tuple[str, str]
"""Scenario and run: what a recording's folder is called."""


def certificate_folder(out: Path, name: str, *, several: bool) -> Path:
    """Return the folder of one HPA's certificate and recordings."""
    return out / name if several else out


def folder_of(run: RunKey) -> str:
    """Return where a recording lies, from the certificate on."""
    return f"{RECORDINGS}/{run[0]}/{run[1]}"


def case_folders(folder: Path) -> tuple[Path, ...]:
    """Return the folders of cases in what `recheck` was given, in order of their paths.

    A case's folder holds its runs. `folder` is one run, a case, `recordings/`, the folder of a
    certificate, or `--out` of several.
    """
    if (folder / PLAN_FILE).is_file():
        return (folder,)
    for runs in ("*", "*/*", f"{RECORDINGS}/*/*", f"*/{RECORDINGS}/*/*"):
        if found := _whole(folder, runs):
            return tuple(dict.fromkeys(run.parent for run in found))
    return ()


def run_folders(case: Path) -> tuple[Path, ...]:
    """Return the folders of a case's runs; of one run itself."""
    if (case / PLAN_FILE).is_file():
        return (case,)
    return _whole(case, "*")


def recording_folders(place: Path) -> tuple[Path, ...]:
    """Return the folders of all recordings beside a certificate, in order of their paths."""
    return _whole(place / RECORDINGS, "*/*")


def _whole(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return the recordings below a folder in order, without those that are being written."""
    found = [plan.parent for plan in folder.glob(f"{pattern}/{PLAN_FILE}")]
    return tuple(sorted(run for run in found if not run.name.startswith(".")))


@contextmanager
def claimed(out: Path) -> Iterator[int]:
    """Make `--out` an empty folder and keep other runs out of it meanwhile.

    Yields:
        The descriptor that holds the claim: it lasts until all who inherited it have closed it.

    Raises:
        UsageError: if it can't be written, or another run writes there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        _lock(held, out)
        prepare(out)
        yield held
    finally:
        os.close(held)


def _lock(held: int, out: Path) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            "another run writes there",
            file=f"--out {out}",
            hint="wait for it, or name another folder",
        ) from None
    except OSError:
        return  # a file system without locks: there is none to hold


def prepare(out: Path) -> None:
    """Make `--out` an empty one: what an earlier run left goes, other files stay.

    Raises:
        UsageError: if it can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for folder in (out, *_folders_of_several(out)):
            _clear(folder)
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"can't be written: {error.strerror}", file=f"--out {out}")


def _folders_of_several(out: Path) -> tuple[Path, ...]:
    """Return the folders that a run with several HPAs left.

    None in the working directory itself: what lies below that may be another run's `--out`.
    """
    if out.resolve() == Path.cwd():
        return ()
    return tuple(
        path.parent for path in out.glob(f"*/{CERTIFICATE}") if (path.parent / RECORDINGS).is_dir()
    )


def _clear(folder: Path) -> None:
    for plan in (folder / RECORDINGS).glob(f"*/*/{PLAN_FILE}"):
        shutil.rmtree(plan.parent)
    for case in (folder / RECORDINGS).glob("*/"):
        if not any(case.iterdir()):
            case.rmdir()
    for name in (CERTIFICATE, JUNIT):
        (folder / name).unlink(missing_ok=True)
