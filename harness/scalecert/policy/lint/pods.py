"""Rules on the scaled pods: their selector, their probes, what they ask for."""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, finding_at


def _target_selector(facts: Facts) -> Iterator[LintFinding]:
    """`target-selector`: the selector of the scaled object matches its own pods."""
    target = facts.policy.target
    if target is None:
        return
    if target.selector.matches(target.serving.labels):
        message = f"{target.kind} {target.name} selects its pods"
        yield finding_at(target.place, "target-selector", "pass", message)
        return
    message = f"{target.kind} {target.name} selects {target.selector}, which its pods are not"
    yield finding_at(
        target.place, "target-selector", "fail", message, "align selector and pod labels"
    )


def _probes(facts: Facts) -> Iterator[LintFinding]:
    """`readiness-probe`: pods get requests only when their server answers."""
    container, target = facts.resolved.container, facts.policy.target
    if container is None or target is None:
        return
    if container.readiness is not None:
        message = f"container {container.name} is probed for readiness"
        yield finding_at(target.place, "readiness-probe", "pass", message)
    elif container.startup is not None:
        # The kubelet's prober sets no container ready that has not started (UpdatePodStatus).
        message = f"container {container.name} is ready once its startupProbe has succeeded"
        yield finding_at(target.place, "readiness-probe", "pass", message)
    else:
        message = f"container {container.name} has no readinessProbe: it counts as ready unloaded"
        hint = f"probe {facts.resolved.kind.health_path}"
        yield finding_at(target.place, "readiness-probe", "warning", message, hint)


def _accelerators(facts: Facts) -> Iterator[LintFinding]:
    """`accelerator-request`: the container asks for the accelerator that it is certified on."""
    container, target = facts.resolved.container, facts.policy.target
    if container is None or target is None or container.accelerators():
        return
    message = f"container {container.name} requests no accelerator"
    hint = 'set resources.limits "nvidia.com/gpu" or "google.com/tpu"'
    yield finding_at(target.place, "accelerator-request", "warning", message, hint)


RULES = (
    LintRule(
        "target-selector",
        "Does the selector of the scaled object match its own pods?",
        "fail",
        "the HPA counts and averages over the pods of that selector",
        _target_selector,
    ),
    LintRule(
        "readiness-probe",
        "Is the engine's container probed for readiness?",
        "warning",
        "without a probe a pod gets requests while its model still loads",
        _probes,
    ),
    LintRule(
        "accelerator-request",
        "Does the engine's container ask for an accelerator?",
        "warning",
        "without one it may be scheduled where it can't run",
        _accelerators,
    ),
)
