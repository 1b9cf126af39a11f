"""The parts of a run that claims speak of, by the planned load."""

from __future__ import annotations

from published_report.claims import Phase
from scalecert.checks.timeline import constant_spans, run
from scalecert.recording.intervals import Span
from scalecert.recording.plan import Plan


def phase(plan: Plan, name: Phase) -> Span:
    """Return a phase of a run, as `claims` has them."""
    whole, constant = run(plan), constant_spans(plan)
    if name == "run":
        return whole
    if name == "start":
        return constant[0][0]
    peak = max(constant, key=lambda pair: (pair[1], pair[0].start_seconds))[0]
    return peak if name == "peak" else Span(peak.end_seconds, whole.end_seconds)


def levels(plan: Plan) -> tuple[list[Span], list[Span]]:
    """Return the second halves of the levels of constant rate: below saturation, and beyond it.

    Saturation is what maxReplicas serve with an endless queue.
    """
    below: list[Span] = []
    beyond: list[Span] = []
    carried = plan.policy.max_replicas * plan.capacity.saturated_per_second
    for span, rate in constant_spans(plan):
        half = Span(span.start_seconds + span.length_seconds / 2, span.end_seconds)
        (below if rate < carried else beyond).append(half)
    return below, beyond
