"""How well the models stand up to the real thing, where somebody has compared the two.

The figures are measured by tools, kept in `fixtures/fidelity.yaml`, and copied into every Plan: a
recording that is judged again later shows what was known when it was made.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, load_document

KIND: Final = "Fidelity"


class Comparison(DocumentPart, frozen=True, kw_only=True):
    """Recorded cases of the real thing, replayed against the model.

    `against` and `version` name the real thing. Of `cases`, `mismatches` came out differently;
    `left_out` more could not be replayed. `how` is the tool that counted them.
    """

    against: str
    version: str
    cases: int
    mismatches: int
    left_out: int
    how: str


class Fidelity(DocumentPart, frozen=True, kw_only=True):
    """What is measured of the HPA and of the metric pipeline; None: nobody has compared them.

    How far the engine may be off is the engine profile's to say (`EngineRef.errors`).
    """

    hpa: Comparison | None = None
    pipeline: Comparison | None = None


class ReplayedFile(DocumentPart, frozen=True, kw_only=True):
    """One file of recorded cases; `digest` is of its bytes."""

    name: str
    digest: str
    cases: int
    mismatches: int
    left_out: int


class FidelitySpec(Fidelity, frozen=True, kw_only=True):
    """The body of the file: the comparisons, and the files behind that of the HPA."""

    hpa_files: tuple[ReplayedFile, ...] = ()


class FidelityFile(DocumentPart, frozen=True, kw_only=True):
    """`fixtures/fidelity.yaml`, written by the tools that measure."""

    api_version: ApiVersion
    kind: Literal["Fidelity"]
    spec: FidelitySpec


@cache
def shipped_fidelity() -> Fidelity:
    """Return what is known in this release.

    Raises:
        UsageError: if the file that ships can't be read.
    """
    spec = load_document(bundled("fixtures", "fidelity.yaml"), KIND, FidelityFile).spec
    return Fidelity(hpa=spec.hpa, pipeline=spec.pipeline)
