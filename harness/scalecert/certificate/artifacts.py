"""What a run leaves in `--out`, and where.

    out/certificate.json  junit.xml  recordings/<scenario-id>/scenario.json ...   one HPA
    out/<hpa>/certificate.json  junit.xml  recordings/...                         several

Both doors write by it and `recheck` reads by it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from scalecert.errors import UsageError
from scalecert.recording.store import PLAN_FILE

CERTIFICATE = "certificate.json"
JUNIT = "junit.xml"
RECORDINGS = "recordings"


def certificate_folder(out: Path, name: str, *, several: bool) -> Path:
    """Return the folder of one HPA's certificate and recordings."""
    return out / name if several else out


def recording_folders(folder: Path) -> tuple[Path, ...]:
    """Return the recordings in what `recheck` was given, in order of their paths.

    `folder` is one recording, a certificate's folder, `--out` of several, or `recordings/`.
    """
    for pattern in (
        PLAN_FILE,
        f"{RECORDINGS}/*/{PLAN_FILE}",
        f"*/{RECORDINGS}/*/{PLAN_FILE}",
        f"*/{PLAN_FILE}",
    ):
        found = sorted(plan.parent for plan in folder.glob(pattern))
        whole = [recording for recording in found if not recording.name.startswith(".")]
        if whole:
            return tuple(whole)
    return ()


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
        raise UsageError(f"can't be written: {error.strerror}", file=f"--out {out}") from error


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
    for recording in (folder / RECORDINGS).glob(f"*/{PLAN_FILE}"):
        shutil.rmtree(recording.parent)
    for name in (CERTIFICATE, JUNIT):
        (folder / name).unlink(missing_ok=True)
