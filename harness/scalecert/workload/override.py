"""`--workload FILE`: the user's own traffic in place of the scenarios'.

A Workload document says what it wants to replace: with `sizes` alone the scenarios keep their
shapes and offer the user's request sizes; with `rate` too they offer the user's load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scalecert.documents import ApiVersion, DocumentPart, load_document
from scalecert.workload.model import Arrivals, Shape, Sizes, Trace, Workload


class Metadata(DocumentPart, frozen=True):
    """The workload's name, for people."""

    name: str


class WorkloadChange(DocumentPart, frozen=True):
    """What replaces the same fields of a scenario's workload."""

    sizes: Sizes | Literal["trace"]
    rate: Shape | None = None
    arrivals: Arrivals | None = None
    trace: Trace | None = None

    def applied_to(self, workload: Workload) -> Workload:
        """Return the scenario's workload with these fields replaced."""
        if self.rate is None:
            return Workload(
                rate=workload.rate,
                sizes=self.sizes,
                arrivals=self.arrivals or workload.arrivals,
                trace=self.trace,
            )
        return Workload(rate=self.rate, sizes=self.sizes, arrivals=self.arrivals, trace=self.trace)


class WorkloadFile(DocumentPart, frozen=True):
    """A workload file."""

    api_version: ApiVersion
    kind: Literal["Workload"]
    metadata: Metadata
    spec: WorkloadChange


def load_workload(path: str) -> WorkloadFile:
    """Read a workload file; UsageError if it can't be used."""
    return load_document(Path(path), "Workload", WorkloadFile)
