"""The recordings of one case: every run of its guard band, as they lie on disk.

    recordings/<scenario-id>/<run>/scenario.json ...

They are read one at a time, because a long run of a fast server holds tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scalecert.documents import DocumentPart
from scalecert.recording import store
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan


class RecordedRun(DocumentPart, frozen=True):
    """One run as a certificate knows it: what was planned, and the digest of what was seen."""

    plan: Plan
    digest: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one case, the one that gives the figures first.

    Iterating over them loads one recording after the other.
    """

    folders: tuple[Path, ...]

    def __iter__(self) -> Iterator[Recording]:
        """Load each recording.

        Raises:
            UsageError: if one can't be read.
        """
        return (store.load(folder) for folder in self.folders)

    @property
    def nominal(self) -> Recording:
        """The first run: the first seed, at the costs of the engine profile."""
        return store.load(self.folders[0])


def runs_in(folders: Iterable[Path]) -> Runs:
    """Return recordings of one case in their order: by seed, then the corners and what is alone.

    Raises:
        UsageError: if a plan can't be read.
    """
    return Runs(tuple(sorted(folders, key=_place)))


def _place(folder: Path) -> tuple[bool, int, int, str]:
    variation = store.load_plan(folder).variation
    parts = variation.name.count("-") if not variation.is_nominal else 0
    return not variation.is_nominal, parts, variation.seed, variation.name
