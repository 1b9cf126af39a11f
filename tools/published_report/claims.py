"""The claims of suites/published/claims.yaml: what a source says, as figures of runs.

An *arm* is one policy in one scenario of the suite, run with every seed. A claim holds a figure of
one arm against that of another, or against a number, and says where the source expects the
difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import field

from published_report.verdicts import Expected
from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, load_document, require

Phase = Literal["run", "start", "peak", "after"]
"""The whole run; its first span of constant rate; the last span of the highest constant rate, and
what follows it."""

FOLDER = bundled("suites", "published")


class Source(DocumentPart, frozen=True):
    """A published document."""

    title: str
    what: str


class Arm(DocumentPart, frozen=True):
    """One policy in one scenario of the suite.

    Rates in units of capacity are those of a saturated replica, unless `settles_at` says at how
    many replicas the load before the peak has to let the policy settle: it is searched for then.
    """

    policy: str
    scenario: str
    settings: Mapping[str, str] = field(name="set", default_factory=dict)
    profile: str | None = None
    settles_at: int | None = None

    @property
    def path(self) -> Path:
        """Where the policy lies: beside the claims."""
        return FOLDER / self.policy


class Side(DocumentPart, frozen=True):
    """A figure of an arm in a phase of its run, times `factor`."""

    arm: str
    figure: str
    phase: Phase = "run"
    factor: float = 1.0

    def text(self, beside: Side | None = None) -> str:
        """Return it in words, what it shares with the side beside it left out."""
        times = "" if self.factor == 1.0 else f"{self.factor:g} x "
        same = beside is not None and (beside.figure, beside.phase) == (self.figure, self.phase)
        where = "" if self.phase == "run" else f" ({self.phase})"
        figure = "that" if same else f"{self.figure}{where}"
        return f"{times}{figure} of `{self.arm}`"


class Claim(DocumentPart, frozen=True):
    """One claim: `says` is the source's, in other words.

    The difference is the figure of `of` less that of `against`, which may be a number.
    """

    id: str
    experiment: str
    source: str
    says: str
    of: Side
    against: Side | float = 0.0
    above: float = -math.inf
    below: float = math.inf

    def __post_init__(self) -> None:
        """Refuse a claim that anything would fulfil."""
        limited = math.isfinite(self.above) or math.isfinite(self.below)
        require(limited and self.above < self.below, "found no range, expected above or below")

    @property
    def expected(self) -> Expected:
        """Where the difference is expected."""
        return Expected(self.above, self.below)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that are figures of runs."""
        return (self.of, self.against) if isinstance(self.against, Side) else (self.of,)

    def figure_text(self) -> str:
        """Return the figures in words: `e2e-p95 of a less that of b`."""
        if not isinstance(self.against, Side):
            less = f" less {self.against:g}" if self.against else ""
            return f"{self.of.text()}{less}"
        return f"{self.of.text()} less {self.against.text(beside=self.of)}"


class Claims(DocumentPart, frozen=True):
    """All experiments. None of the figures depends on the `objective`, but planning needs one."""

    objective: str
    sources: Mapping[str, Source]
    experiments: Mapping[str, str]
    arms: Mapping[str, Arm]
    claims: tuple[Claim, ...]


class _Metadata(DocumentPart, frozen=True):
    name: str


class _File(DocumentPart, frozen=True):
    api_version: ApiVersion
    kind: Literal["PublishedClaims"]
    metadata: _Metadata
    spec: Claims


def load_claims(path: Path = FOLDER / "claims.yaml") -> Claims:
    """Return the claims that ship, or those of a file."""
    return load_document(path, "PublishedClaims", _File).spec
