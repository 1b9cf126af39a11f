"""`scalecert lint`: every static finding on a policy, without running anything.

The one place that joins the findings on manifests (`policy.lint`) with the static halves of the
checks on signals (`checks.signal`, `checks.reach`), which judge recordings by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.checks.reach import reachable
from scalecert.checks.registry import Outcome
from scalecert.checks.signal import present_statically
from scalecert.engines.base import RequestSizes
from scalecert.policy.lint import LintFinding, finding_at, lint_manifests
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.signals import signals
from scalecert.recording.plan import Signal

_SOURCE_FIELDS = {
    "Pods": "pods",
    "Object": "object",
    "External": "external",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}
_TARGET_FIELDS = {
    "AverageValue": "averageValue",
    "Value": "value",
    "Utilization": "averageUtilization",
}


def lint(
    policy: Policy, resolved: Resolved, sizes: Sequence[RequestSizes] = ()
) -> tuple[LintFinding, ...]:
    """Return every static finding: those on each signal first, then those on the manifests.

    Args:
        policy: the policy.
        resolved: its engine and limits.
        sizes: of the requests of each load to judge by; without any the engine's bounds are all.

    Raises:
        UsageError: for metrics or adapter rules that are not modelled.
    """
    found = []
    by_load = [signals(policy, resolved, sizes=one) for one in sizes or (None,)]
    for alike in zip(*by_load, strict=True):
        found.append(_present(policy, alike[0]))
        outcomes = [outcome for one in alike if (outcome := reachable([one])) is not None]
        if outcomes:
            worst = min(outcomes, key=lambda outcome: outcome.measured)
            found.append(_reachable(policy, alike[0], worst))
    return (*found, *lint_manifests(policy, resolved))


def _present(policy: Policy, signal: Signal) -> LintFinding:
    place = policy.place(f"{_source(signal)}.metric.name")
    outcome = present_statically([signal])
    if outcome is None:
        return finding_at(place, "signal-present", "pass", f"{signal.metric} exists")
    return finding_at(place, "signal-present", "fail", outcome.message, outcome.next_step)


def _reachable(policy: Policy, signal: Signal, outcome: Outcome) -> LintFinding:
    field = _TARGET_FIELDS.get(signal.target_type, "type")
    place = policy.place(f"{_source(signal)}.target.{field}")
    if outcome.measured > 1:
        return finding_at(place, "signal-reachable", "pass", outcome.message)
    return finding_at(place, "signal-reachable", "fail", outcome.message, outcome.next_step)


def _source(signal: Signal) -> str:
    return f"spec.metrics[{signal.index}].{_SOURCE_FIELDS.get(signal.source_type, '')}"
