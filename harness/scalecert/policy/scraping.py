"""Whether the monitors of the input scrape the engine's pods, and if not, why.

Lint says it of each monitor; a signal that no monitor brings in can't exist.
"""

from __future__ import annotations

from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod
from scalecert.policy.model import Container, Monitor, PodTemplate, Policy

METRICS_PATH = "/metrics"


def scrape_problem(policy: Policy, container: Container | None) -> tuple[str, str] | None:
    """Return why no monitor scrapes the policy's pods, and what to do; None if one does.

    None too without a target or any monitor: then the scenario's default scrape is assumed.
    """
    if policy.target is None or container is None or not policy.monitors:
        return None
    pod = scraped_pod(policy, policy.target.serving, container)
    problems = [monitor_problem(monitor, pod) for monitor in policy.monitors]
    return None if None in problems else problems[0]


def scraped_pod(policy: Policy, template: PodTemplate, container: Container) -> ScrapedPod:
    """Return a pod of the template as a scrape sees it."""
    return ScrapedPod("pod", policy.namespace, template.labels, container.ports, container.name)


def monitor_problem(monitor: Monitor, pod: ScrapedPod) -> tuple[str, str] | None:
    """Return why no endpoint of a monitor scrapes the pod, and what to do; None if one does."""
    if not monitor.endpoints:
        message = f"{monitor.kind} {monitor.name} selects no Service of the input"
        return message, "check its selector against the Service's labels"
    problems = [
        _endpoint_problem(monitor, scrape, path, pod)
        for scrape, path in zip(monitor.endpoints, monitor.paths, strict=True)
    ]
    return None if None in problems else problems[0]


def _endpoint_problem(
    monitor: Monitor, scrape: ScrapeConfig, path: str, pod: ScrapedPod
) -> tuple[str, str] | None:
    name = f"{monitor.kind} {monitor.name}"
    if scrape.namespaces is not None and pod.namespace not in scrape.namespaces:
        found = ", ".join(scrape.namespaces)
        return f"{name} looks in the namespace {found}, the pods are in {pod.namespace}", ""
    if not scrape.selector.matches(pod.labels):
        labels = ",".join(f"{key}={value}" for key, value in sorted(pod.labels.items()))
        return f"{name} selects {scrape.selector}, the pods have {labels}", "align the labels"
    if scrape.port_of(pod) is None or not _is_container_port(scrape, pod):
        ports = ", ".join(f"{port} ({number})" for port, number in pod.ports.items()) or "none"
        message = f"{name} scrapes port {scrape.port}, container {pod.container} has {ports}"
        return message, "name the port that serves the engine's metrics"
    if path != METRICS_PATH:
        return f"{name} scrapes {path}, the engine has {METRICS_PATH}", "set the path"
    if scrape.target_labels(pod) is None:
        return f"{name} drops the pods by its relabelings", "check keep and drop rules"
    return None


def _is_container_port(scrape: ScrapeConfig, pod: ScrapedPod) -> bool:
    """Tell whether a port by number is one of the container's, where it lists any."""
    return not isinstance(scrape.port, int) or not pod.ports or scrape.port in pod.ports.values()


def attached_labels(policy: Policy) -> frozenset[str] | None:
    """Return the labels that monitors attach beside those of every scrape; None: any may be."""
    found: set[str] = set()
    for scrape in policy.scrape_configs:
        rules = (*scrape.relabelings, *scrape.metric_relabelings)
        if any(rule.verb == "labelmap" for rule in rules):
            return None
        found |= {to for _, to in scrape.from_pod} | {name for name, _ in scrape.static_labels}
        found |= {rule.target_label for rule in rules if rule.target_label}
    return frozenset(found)
