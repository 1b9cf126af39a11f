"""`scalecert lint`: every static finding on a policy, without running anything.

The one place that joins the findings on manifests (`policy.lint`) with the static halves of the
checks on signals (`checks.signal`), which judge recordings by the same code.
"""

from __future__ import annotations

from scalecert.checks.signal import present_statically, reachable
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


def lint(policy: Policy, resolved: Resolved) -> tuple[LintFinding, ...]:
    """Return every static finding: those on each signal first, then those on the manifests.

    Raises:
        UsageError: for metrics or adapter rules that are not modelled.
    """
    found = []
    for signal in signals(policy, resolved):
        found.append(_present(policy, signal))
        if signal.exists and signal.maximum is not None:
            found.append(_reachable(policy, signal))
    return (*found, *lint_manifests(policy, resolved))


def _present(policy: Policy, signal: Signal) -> LintFinding:
    place = policy.place(f"{_source(signal)}.metric.name")
    outcome = present_statically([signal])
    if outcome is None:
        return finding_at(place, "signal-present", "pass", f"{signal.metric} exists")
    return finding_at(place, "signal-present", "fail", outcome.message, outcome.next_step)


def _reachable(policy: Policy, signal: Signal) -> LintFinding:
    field = _TARGET_FIELDS.get(signal.target_type, "type")
    place = policy.place(f"{_source(signal)}.target.{field}")
    outcome = reachable([signal])
    if outcome is None or outcome.measured > 1:
        message = outcome.message if outcome else f"{signal.metric} is not bounded"
        return finding_at(place, "signal-reachable", "pass", message)
    return finding_at(place, "signal-reachable", "fail", outcome.message, outcome.next_step)


def _source(signal: Signal) -> str:
    return f"spec.metrics[{signal.index}].{_SOURCE_FIELDS.get(signal.source_type, '')}"
