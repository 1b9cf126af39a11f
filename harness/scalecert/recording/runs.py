"""The recordings of one case: every run of its guard band, as they lie on disk.

    recordings/<scenario-id>/<run>/scenario.json ...

They are read one at a time, because a long run of a fast server holds tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scalecert.documents import DocumentPart
from scalecert.errors import UsageError
from scalecert.recording import store
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.recording.variations import place


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
    """Return recordings of one case as they were made: seeds, corners, then what is alone off.

    Raises:
        UsageError: if a plan can't be read, or one is of another case or policy than the first.
    """
    plans = {folder: store.load_plan(folder) for folder in folders}
    ordered = tuple(sorted(plans, key=lambda folder: place(plans[folder].variation)))
    for folder in ordered[1:]:
        if _case(plans[folder]) != _case(plans[ordered[0]]):
            raise UsageError(
                f"is of another policy, profile, objective or scenario than {ordered[0].name}"
                " beside it",
                file=str(folder),
                hint="recheck it by itself, or record all again",
            )
    return Runs(ordered)


def _case(plan: Plan) -> tuple[object, ...]:
    """Return what the runs of one case have in common, however they vary."""
    policy = (plan.policy.name, plan.policy.digest)
    return (plan.world, plan.scenario, plan.suite, policy, plan.engine, plan.objective)
