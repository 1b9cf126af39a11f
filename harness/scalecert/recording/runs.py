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


class Bill(DocumentPart, frozen=True, kw_only=True):
    """What a run cost, and what was served for it; `cost` is in `currency` (ISO 4217).

    `tokens` are input and output of the requests that were answered.
    """

    accelerator_hours: float
    cost: float
    currency: str
    tokens: int

    @property
    def tokens_per_currency_unit(self) -> float | None:
        """Tokens per dollar (T/$); None where nothing was paid, for that is no efficiency.

        Cost efficiency as Griggs et al. define it: "Melange: Cost Efficient Large Language Model
        Serving by Exploiting GPU Heterogeneity", arXiv 2404.14527 (2024).
        """
        return self.tokens / self.cost if self.cost > 0 else None


class RecordedRun(DocumentPart, frozen=True):
    """One run as a certificate knows it: what was planned, and the digest of what was seen.

    `bill` is None where no price is known, or the recording is not whole.
    """

    plan: Plan
    digest: str
    bill: Bill | None = None


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
                "is of another policy, profile, objective, scenario or world than"
                f" {ordered[0].name} beside it",
                file=str(folder),
                hint="recheck it by itself, or record all again",
            )
    return Runs(ordered)


def _case(plan: Plan) -> tuple[object, ...]:
    """Return what the runs of one case have in common, however they vary."""
    policy = (plan.policy.name, plan.policy.digest)
    world = (plan.world, plan.time_lapse)
    return (world, plan.scenario, plan.suite, policy, plan.engine, plan.objective)
