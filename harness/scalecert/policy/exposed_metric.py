"""What is known of one metric of an HPA: the value that `policy.exposure` returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scalecert.engines.base import MetricInfo
from scalecert.hpa.types import MetricIdentifier
from scalecert.policy.rule_queries import PLAIN, RuleQuery


@dataclass(frozen=True, slots=True)
class Exposure:
    """Whether a metric can exist.

    Attributes:
        exists: whether it can.
        series: the Prometheus series behind it, as far as known.
        info: what is known of the series; None where a query makes something else of it.
        query: what a rule of prometheus-adapter makes of the series.
        reason: why it can't exist.
        hint: what to write instead.
        accelerators: how many series of one pod there are, one for each of its accelerators; 0
            for what is the engine's.
    """

    exists: bool
    series: str | None = None
    info: MetricInfo | None = None
    query: RuleQuery = PLAIN
    reason: str = ""
    hint: str = ""
    accelerators: int = 0


def selected_labels(identifier: MetricIdentifier) -> Iterable[str]:
    """Yield the labels that a metric's series must have."""
    if identifier.selector is not None:
        yield from identifier.selector.match_labels
        for one in identifier.selector.match_expressions:
            if one.operator in ("In", "Exists"):
                yield one.key


def google_name(info: MetricInfo | None) -> str:
    """Return the advice how to write a metric of Managed Service for Prometheus."""
    if info is None or info.kind == "histogram":
        return ""
    return f"write prometheus.googleapis.com|{info.name}|{info.kind}"
