"""How well the simulation agrees with real processes, where somebody has run both.

`fixtures/fidelity.json` has it, written by `nox -s fidelity` alone: the same scenarios and policies
in `sim` and in `local`. It holds for the engine profiles that were run and for the sources that
they were run with; for any other it says nothing. Only what was measured is stored, the rest is
computed from that, here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, decode_stored, read_stored
from scalecert.recording.sources import source_digest

KIND: Final = "WorldAgreement"
FILE: Final = "fidelity.json"


class LatencyFigures(DocumentPart, frozen=True, kw_only=True):
    """Two quantiles of a latency over a whole run."""

    p50_seconds: float
    p95_seconds: float


class WorldRun(DocumentPart, frozen=True, kw_only=True):
    """One run in one world, in figures; `latencies` by metric (`ttft`, `e2e`, ...)."""

    ready_replicas_mean: float
    scale_steps: int
    first_scale_up_seconds: float | None
    latencies: dict[str, LatencyFigures]


class PairRun(DocumentPart, frozen=True, kw_only=True):
    """The same run in both worlds.

    `replica_difference` is the time-weighted mean of |ready in sim - ready in local|.
    `verdicts_compared` counts the checks that have a margin over 20 % in both worlds;
    `verdicts_differing` names those of them that came to different verdicts.
    """

    seed: int
    sim: WorldRun
    local: WorldRun
    replica_difference: float
    verdicts_compared: int
    verdicts_differing: tuple[str, ...] = ()

    @property
    def first_scale_up_difference_seconds(self) -> float:
        """How far apart the first scale-ups are; infinite if only one of the worlds had any."""
        times = self.sim.first_scale_up_seconds, self.local.first_scale_up_seconds
        if None in times:
            return 0.0 if times[0] == times[1] else math.inf
        return abs((times[0] or 0.0) - (times[1] or 0.0))

    def latency_difference(self, quantile: Callable[[LatencyFigures], float]) -> float:
        """Return |local / sim - 1| of the latency in which the worlds differ most."""
        both = self.sim.latencies.keys() & self.local.latencies.keys()
        pairs = (
            (quantile(self.sim.latencies[name]), quantile(self.local.latencies[name]))
            for name in both
        )
        return max((abs(real / made - 1) for made, real in pairs if made > 0), default=0.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What `LIMITS` are about: each the mean over a pair's runs, of the absolute difference."""

    replicas: float
    first_scale_up_syncs: float
    p50: float
    p95: float
    verdicts_differing: float

    def within(self, limits: Figures) -> bool:
        """Tell whether each figure keeps its limit."""
        return all(getattr(self, name) <= getattr(limits, name) + 1e-9 for name in self.__slots__)


LIMITS: Final = Figures(
    replicas=0.5, first_scale_up_syncs=1.0, p50=0.10, p95=0.20, verdicts_differing=0.0
)
"""Own figures, set before anything was measured: half a replica on average, one sync period, a
tenth of the median latency, a fifth of the tail, and no verdict that has a margin."""


class Pair(DocumentPart, frozen=True, kw_only=True):
    """One scenario under one policy, in both worlds, several times.

    `unseen` ones were not looked at while the two were brought together. `time_lapse` is that of
    `local`.
    """

    scenario: str
    policy: str
    engine: str
    profile: str
    profile_digest: str
    unseen: bool
    time_lapse: int
    sync_period_seconds: float
    runs: tuple[PairRun, ...]

    @property
    def figures(self) -> Figures:
        """The means over the runs."""
        return Figures(
            replicas=self._mean(lambda run: run.replica_difference),
            first_scale_up_syncs=self._mean(
                lambda run: run.first_scale_up_difference_seconds / self.sync_period_seconds
            ),
            p50=self._mean(lambda run: run.latency_difference(lambda one: one.p50_seconds)),
            p95=self._mean(lambda run: run.latency_difference(lambda one: one.p95_seconds)),
            verdicts_differing=self._mean(lambda run: len(run.verdicts_differing)),
        )

    @property
    def within_limits(self) -> bool:
        """Whether the pair agrees as closely as is asked."""
        return self.figures.within(LIMITS)

    def spread(self, figure: Callable[[PairRun], float]) -> tuple[float, float]:
        """Return the lowest and the highest of a figure over the runs."""
        found = [figure(run) for run in self.runs]
        return min(found), max(found)

    def _mean(self, figure: Callable[[PairRun], float]) -> float:
        return math.fsum(map(figure, self.runs)) / len(self.runs)

    def __post_init__(self) -> None:
        """Refuse a pair that was not run."""
        if not self.runs:
            raise ValueError("found no run, expected one or more")


class AgreementSpec(DocumentPart, frozen=True, kw_only=True):
    """The body of the file.

    `source_digest` is that of the sources in use then (`recording.sources`), `components` the
    versions of what ran in `local`.
    """

    source_digest: str
    harness_version: str
    components: dict[str, str]
    pairs: tuple[Pair, ...]


class AgreementFile(DocumentPart, frozen=True, kw_only=True):
    """`fixtures/fidelity.json`."""

    api_version: ApiVersion
    kind: Literal["WorldAgreement"]
    spec: AgreementSpec


class Agreement(DocumentPart, frozen=True, kw_only=True):
    """What is known for one engine profile: the figures of the pair that differs most in each.

    Of `pairs`, `within_limits` keep every limit (`LIMITS`), and `unseen` were not looked at
    before. `first_scale_up_syncs` is None where one world scaled up and the other did not;
    `verdicts_differing` counts over all runs, of `verdicts_compared`.
    """

    pairs: int
    runs: int
    unseen: int
    within_limits: int
    replica_difference: float
    first_scale_up_syncs: float | None
    p50_difference: float
    p95_difference: float
    verdicts_compared: int
    verdicts_differing: int
    components: dict[str, str]


def agreement_of(spec: AgreementSpec | None, profile_digest: str, sources: str) -> Agreement | str:
    """Return how well the worlds agree with servers of a profile, or why nobody knows.

    Args:
        spec: what was measured, None if nothing was.
        profile_digest: of the engine profile.
        sources: digest of the sources in use now.
    """
    if spec is None:
        return "nobody has run both"
    if spec.source_digest != sources:
        return "the simulation has changed since"
    pairs = [pair for pair in spec.pairs if pair.profile_digest == profile_digest]
    if not pairs:
        return "not with this engine profile"
    return _agreement(pairs, spec.components)


def _agreement(pairs: Sequence[Pair], components: Mapping[str, str]) -> Agreement:
    figures = [pair.figures for pair in pairs]
    runs = [run for pair in pairs for run in pair.runs]
    syncs = max(one.first_scale_up_syncs for one in figures)
    return Agreement(
        pairs=len(pairs),
        runs=len(runs),
        unseen=sum(pair.unseen for pair in pairs),
        within_limits=sum(pair.within_limits for pair in pairs),
        replica_difference=max(one.replicas for one in figures),
        first_scale_up_syncs=syncs if math.isfinite(syncs) else None,
        p50_difference=max(one.p50 for one in figures),
        p95_difference=max(one.p95 for one in figures),
        verdicts_compared=sum(run.verdicts_compared for run in runs),
        verdicts_differing=sum(len(run.verdicts_differing) for run in runs),
        components=dict(components),
    )


def load_agreement(path: Path) -> AgreementSpec | None:
    """Return what a file says, None if there is none.

    Raises:
        UsageError: if it can't be read, or is no such file.
    """
    if not path.is_file():
        return None
    return decode_stored(read_stored(path), AgreementFile, path).spec


@cache
def shipped_agreement(profile_digest: str) -> Agreement | str:
    """Return what this release knows of a profile, or why nothing.

    Raises:
        UsageError: if the file that ships can't be read.
    """
    return agreement_of(load_agreement(bundled("fixtures", FILE)), profile_digest, source_digest())
