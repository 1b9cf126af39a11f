"""Static findings on manifests: what is wrong before anything runs.

They concern the manifests alone; whether the signal exists and can rise is judged from `signals`
by `scalecert.checks.signal`, for lint as for a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from scalecert.policy.model import Place, Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.scraping import monitor_problem, scraped_pod
from scalecert.policy.signals import signals
from scalecert.scenario.model import PodStartup

Verdict = Literal["pass", "fail", "warning"]


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
    function: Callable[[Policy, Resolved], Iterator[LintFinding]]


def lint_manifests(policy: Policy, resolved: Resolved) -> tuple[LintFinding, ...]:
    """Return the findings on a policy's manifests, one for each rule that applies."""
    return tuple(finding for rule in RULES for finding in rule.function(policy, resolved))


def _scrape_target(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`scrape-target`: some monitor scrapes the engine's port of the target's pods."""
    target, container = policy.target, resolved.container
    if target is None or container is None or not _reads_engine(policy):
        return
    if not policy.monitors:
        yield finding_at(
            policy.place(),
            "scrape-target",
            "warning",
            "no PodMonitoring, PodMonitor or ServiceMonitor in the input: the scenario's default"
            " scrape is assumed",
            "add the monitor, so that its interval, port and selector are tested too",
        )
        return
    pod = scraped_pod(policy, target.serving, container)
    problems = []
    for monitor in policy.monitors:
        problem = monitor_problem(monitor, pod)
        if problem is None:
            message = f"{monitor.kind} {monitor.name} scrapes container {container.name}"
            yield finding_at(monitor.place, "scrape-target", "pass", message)
            return
        problems.append((monitor, problem))
    for monitor, (message, hint) in problems:
        yield finding_at(monitor.place, "scrape-target", "fail", message, hint)


def _reads_engine(policy: Policy) -> bool:
    return any(one.type not in ("Resource", "ContainerResource") for one in policy.hpa.metrics)


def _target_selector(policy: Policy, _resolved: Resolved) -> Iterator[LintFinding]:
    """`target-selector`: the selector of the scaled object matches its own pods."""
    target = policy.target
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


def _replica_range(policy: Policy, _resolved: Resolved) -> Iterator[LintFinding]:
    """`replica-range`: there is room between minReplicas and maxReplicas."""
    least, most = policy.hpa.min_replicas or 0, policy.hpa.max_replicas
    place = policy.place("spec.maxReplicas")
    if least == most:
        message = f"minReplicas and maxReplicas are both {most}: nothing is ever scaled"
        yield finding_at(place, "replica-range", "warning", message, "raise maxReplicas")
    else:
        yield finding_at(place, "replica-range", "pass", f"{least} to {most} replicas")


def _scaling_disabled(policy: Policy, _resolved: Resolved) -> Iterator[LintFinding]:
    """`scaling-disabled`: neither direction is switched off."""
    behavior = policy.hpa.behavior
    for field, word, rules in (
        ("scaleUp", "up", behavior and behavior.scale_up),
        ("scaleDown", "down", behavior and behavior.scale_down),
    ):
        if rules and rules.select_policy == "Disabled":
            place = policy.place(f"spec.behavior.{field}.selectPolicy")
            message = f"behavior.{field} is Disabled: it never scales {word}"
            yield finding_at(place, "scaling-disabled", "warning", message)


def _stabilization(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`stabilization-window`: scaling down waits at least as long as a start-up takes."""
    behavior = policy.hpa.behavior
    rules = behavior.scale_down if behavior else None
    window = rules.stabilization_window_seconds if rules else None
    startup = PodStartup().image_pull + resolved.profile.spec.startup.model_load_seconds
    if window is not None and window < startup:
        path = "spec.behavior.scaleDown.stabilizationWindowSeconds"
        yield finding_at(
            policy.place(path),
            "stabilization-window",
            "warning",
            f"scaling down waits {window} s, a new server takes about {startup:g} s to come back",
            "raise it to the start-up time or more",
        )


def _fallbacks(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`missing-as-number`: no rule gives the HPA a number where it has no data."""
    for signal in signals(policy, resolved):
        if signal.fallback is not None:
            yield finding_at(
                policy.place(f"spec.metrics[{signal.index}]"),
                "missing-as-number",
                "warning",
                f"the rule of {signal.metric} ends in `or vector({signal.fallback:g})`: a lost"
                f" scrape or a query without history reads as {signal.fallback:g}",
                "remove it: the HPA takes no replica away for a metric without a value",
            )


def _sums(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`sum-as-value`: no sum over pods is compared as a plain Value."""
    for signal in signals(policy, resolved):
        if signal.aggregation == "sum" and signal.target_type == "Value":
            yield finding_at(
                policy.place(f"spec.metrics[{signal.index}]"),
                "sum-as-value",
                "warning",
                f"{signal.metric} is a sum over pods, of type Value: the HPA multiplies sum /"
                " target by the pods that are ready",
                "use AverageValue, which shares the sum out over the replicas",
            )


def _probes(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`readiness-probe`: pods get requests only when their server answers."""
    container, target = resolved.container, policy.target
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
        yield finding_at(target.place, "readiness-probe", "warning", message, "probe /health")


def _accelerators(policy: Policy, resolved: Resolved) -> Iterator[LintFinding]:
    """`accelerator-request`: the container asks for the accelerator that it is certified on."""
    container, target = resolved.container, policy.target
    if container is None or target is None or container.accelerators():
        return
    message = f"container {container.name} requests no accelerator"
    hint = 'set resources.limits "nvidia.com/gpu" or "google.com/tpu"'
    yield finding_at(target.place, "accelerator-request", "warning", message, hint)


RULES = (
    LintRule(
        "scrape-target",
        "Does a monitor scrape the engine's port of the pods that are scaled?",
        "fail",
        "a monitor that selects other pods, another port or path leaves the HPA without a metric;"
        " without a monitor in the input it is a warning, and the scenario's scrape is assumed",
        _scrape_target,
    ),
    LintRule(
        "target-selector",
        "Does the selector of the scaled object match its own pods?",
        "fail",
        "the HPA counts and averages over the pods of that selector",
        _target_selector,
    ),
    LintRule(
        "replica-range",
        "Is there room between minReplicas and maxReplicas?",
        "warning",
        "where both are the same nothing is ever scaled",
        _replica_range,
    ),
    LintRule(
        "scaling-disabled",
        "Are both directions of scaling switched on?",
        "warning",
        "selectPolicy: Disabled keeps replicas from being added, or from ever going",
        _scaling_disabled,
    ),
    LintRule(
        "stabilization-window",
        "Does scaling down wait at least as long as a server takes to start?",
        "warning",
        "a shorter window takes away a server that the next rise of the load has to wait for",
        _stabilization,
    ),
    LintRule(
        "missing-as-number",
        "Is a metric without data left without a value?",
        "warning",
        "missing is not zero: a number in its place takes servers away that are busy",
        _fallbacks,
    ),
    LintRule(
        "sum-as-value",
        "Is a sum over pods shared out over the replicas?",
        "warning",
        "with type Value the wish grows with the pods that are ready, and runs away to maxReplicas;"
        " meant it may be for a backlog that has to go to the target as a whole",
        _sums,
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
"""Every rule, in the order of the findings; the ids never change."""


def finding_at(
    place: Place, id_: str, verdict: Verdict, message: str, hint: str = ""
) -> LintFinding:
    """Return a finding at a place."""
    return LintFinding(id_, verdict, message, place.file, place.line, hint)
