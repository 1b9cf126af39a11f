"""How well the models stand up to the real thing, where somebody has compared the two.

The figures are measured by tools, kept in `fixtures/fidelity.yaml` (the HPA, replayed) and
`fixtures/fidelity.json` (whole runs, `recording.agreement`), and copied into every Plan: a
recording that is judged again later shows what was known when it was made.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, load_document
from scalecert.recording.agreement import Agreement, shipped_agreement

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


class Comparisons(DocumentPart, frozen=True, kw_only=True):
    """What is measured of the HPA and of the metric pipeline; None: nobody has compared them."""

    hpa: Comparison | None = None
    pipeline: Comparison | None = None


class Fidelity(Comparisons, frozen=True, kw_only=True):
    """What is known of the models: part by part, and of whole runs.

    `worlds` is how runs in virtual time agree with those of real processes; where it is None,
    `worlds_unmeasured` says why (empty: the recording is of an earlier release). How far the engine
    may be off is the engine profile's to say (`EngineRef.errors`).
    """

    worlds: Agreement | None = None
    worlds_unmeasured: str = ""


class ReplayedFile(DocumentPart, frozen=True, kw_only=True):
    """One file of recorded cases; `digest` is of its bytes."""

    name: str
    digest: str
    cases: int
    mismatches: int
    left_out: int


class FidelitySpec(Comparisons, frozen=True, kw_only=True):
    """The body of the file: the comparisons, and the files behind that of the HPA."""

    hpa_files: tuple[ReplayedFile, ...] = ()


class FidelityFile(DocumentPart, frozen=True, kw_only=True):
    """`fixtures/fidelity.yaml`, written by the tools that measure."""

    api_version: ApiVersion
    kind: Literal["Fidelity"]
    spec: FidelitySpec


@cache
def shipped_fidelity(profile_digest: str = "") -> Fidelity:
    """Return what is known in this release, of whole runs with servers of an engine profile.

    Raises:
        UsageError: if a file that ships can't be read.
    """
    spec = load_document(bundled("fixtures", "fidelity.yaml"), KIND, FidelityFile).spec
    worlds = shipped_agreement(profile_digest)
    return Fidelity(
        hpa=spec.hpa,
        pipeline=spec.pipeline,
        worlds=worlds if isinstance(worlds, Agreement) else None,
        worlds_unmeasured=worlds if isinstance(worlds, str) else "",
    )
