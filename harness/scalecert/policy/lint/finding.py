"""What a rule of lint is given, what it is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from scalecert.policy.accelerator_series import AcceleratorMetrics
from scalecert.policy.model import Place, Policy
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Signal

Verdict = Literal["pass", "fail", "warning"]


@dataclass(frozen=True, slots=True)
class Facts:
    """A policy with all that is known of it without running anything."""

    policy: Policy
    resolved: Resolved
    signals: tuple[Signal, ...]
    accelerators: AcceleratorMetrics

    def place(self, signal: Signal) -> Place:
        """Return where a metric stands in the HPA."""
        return self.policy.place(f"spec.metrics[{signal.index}]")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One static finding. A `warning` fails nothing."""

    id: str
    verdict: Verdict
    message: str
    file: str
    line: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule: its id, what it asks, the verdict if the answer is no, and why it matters."""

    id: str
    question: str
    worst: Verdict
    why: str
    function: Callable[[Facts], Iterator[LintFinding]]


def finding_at(
    place: Place, id_: str, verdict: Verdict, message: str, hint: str = ""
) -> LintFinding:
    """Return a finding at a place."""
    return LintFinding(id_, verdict, message, place.file, place.line, hint)
