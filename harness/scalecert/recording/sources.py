"""Which source made a run in virtual time: what a comparison with the real thing holds for.

A comparison says something of the code that it was made with. The digest covers what stands for
cluster and servers in a run; what prepares a run and what judges it is the same for every world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

PARTS: Final = (
    "engines",
    "exporters",
    "hpa",
    "metrics",
    "planning/pod_timing.py",
    "planning/scaled_pods.py",
    "rng.py",
    "routing.py",
    "sim",
    "workload",
    "worlds/sim.py",
)
"""Modules and packages of `scalecert`. A package counts with all that is in it, `.py` alone."""

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def source_digest(package: Path = _PACKAGE) -> str:
    """Return `sha256:` and the digest of the sources of `PARTS`, their names and bytes.

    The same in a checkout and in the wheel, which have the same files below the package.

    Args:
        package: the folder of the package `scalecert`.
    """
    found = hashlib.sha256()
    for path in sorted(_files(package)):
        name, data = path.relative_to(package).as_posix().encode(), path.read_bytes()
        found.update(b"%d:%b%d:%b" % (len(name), name, len(data), data))
    return f"sha256:{found.hexdigest()}"


def _files(package: Path) -> Iterator[Path]:
    for part in PARTS:
        path = package / part
        yield from path.rglob("*.py") if path.is_dir() else [path]
