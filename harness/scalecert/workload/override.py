"""`--workload FILE`: the user's own traffic in place of the scenarios'.

A Workload document says what it wants to replace: with `sizes` alone the scenarios keep their
shapes and offer the user's request sizes; with `rate` too they offer the user's load. A trace by
itself replaces both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scalecert.documents import API_VERSION, ApiVersion, DocumentPart, load_document
from scalecert.errors import UsageError
from scalecert.workload.model import (
    Arrivals,
    ConstantRate,
    Fixed,
    Shape,
    Sizes,
    Trace,
    TraceRate,
    Workload,
)
from scalecert.workload.stated_rate import Rate
from scalecert.workload.tables import load_tables


class Metadata(DocumentPart, frozen=True):
    """The workload's name, for people."""

    name: str


class WorkloadChange(DocumentPart, frozen=True):
    """What replaces the same fields of a scenario's workload."""

    sizes: Sizes | Literal["trace"]
    rate: Shape | None = None
    arrivals: Arrivals | None = None
    trace: Trace | None = None

    def __post_init__(self) -> None:
        """Refuse what goes together with no scenario, such as a trace that nothing reads."""
        self.applied_to(_ANY)

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


_ANY = Workload(
    rate=ConstantRate(Rate("1/s")), sizes=Sizes(input=Fixed(tokens=1), output=Fixed(tokens=1))
)
"""A workload for looking at changes alone."""

_DOCUMENTS = frozenset({".yaml", ".yml", ".json"})


def load_workload(path: str) -> WorkloadFile:
    """Read a workload file; or a trace by itself, whose requests come at its own times.

    The files that it names are read too, so that a bad one is refused before anything runs.

    Raises:
        UsageError: if any of it can't be used.
    """
    file = Path(path)
    if file.is_file() and file.suffix not in _DOCUMENTS:
        change = WorkloadChange(sizes="trace", rate=TraceRate(), trace=Trace(file=file.name))
        workload = WorkloadFile(API_VERSION, "Workload", Metadata(file.name), change)
    else:
        workload = load_document(file, "Workload", WorkloadFile)
    try:
        load_tables(workload.spec.applied_to(_ANY), file.parent)
    except UsageError as error:
        raise error.in_file(path) from error
    return workload
