"""Whether the monitors of the input scrape the engine's metrics, and if not, why.

Lint says it of each monitor; a signal that no monitor brings in can't exist. What the engine says
of itself decides (`EngineKind.metrics_endpoint`), not what the container declares.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import MetricsEndpoint
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod
from scalecert.policy.command_line import command_line
from scalecert.policy.model import Container, Monitor, PodTemplate, Policy
from scalecert.policy.resolve import Resolved

Problem = tuple[str, str]
"""What keeps metrics from being scraped, and what to do about it (empty if that is plain)."""


@dataclass(frozen=True, slots=True)
class Server:
    """The engine's server in one of the scaled pods, as a scrape meets it."""

    engine: str
    pod: ScrapedPod
    endpoint: MetricsEndpoint


def server_of(policy: Policy, resolved: Resolved) -> Server | None:
    """Return the policy's server; None if its target is not in the input."""
    target, container = policy.target, resolved.container
    if target is None or container is None:
        return None
    pod = _pod(policy, target.serving, container)
    return Server(resolved.kind.name, pod, metrics_endpoint(resolved, container))


def metrics_endpoint(resolved: Resolved, container: Container) -> MetricsEndpoint:
    """Return where the engine's server in a container shows its metrics."""
    return resolved.kind.metrics_endpoint(command_line(container), container.env)


def _pod(policy: Policy, template: PodTemplate, container: Container) -> ScrapedPod:
    return ScrapedPod("pod", policy.namespace, template.labels, container.ports, container.name)


def scrape_problem(policy: Policy, resolved: Resolved) -> Problem | None:
    """Return why nothing scrapes the policy's pods, and what to do; None if a monitor does.

    None too without a target or any monitor: then the scenario's default scrape is assumed.
    """
    server = server_of(policy, resolved)
    if server is None:
        return None
    silent = no_metrics(server)
    if silent is not None or not policy.monitors:
        return silent
    problems = [monitor_problem(monitor, server) for monitor in policy.monitors]
    return None if None in problems else problems[0]


def no_metrics(server: Server) -> Problem | None:
    """Return why the server shows no metrics to anyone, and what to do; None if it does."""
    endpoint = server.endpoint
    if endpoint.port is not None:
        return None
    message = f"{server.engine} in container {server.pod.container} shows no metrics"
    return message, f"turn them on with {endpoint.switch}" if endpoint.switch else ""


def monitor_problem(monitor: Monitor, server: Server) -> Problem | None:
    """Return why no endpoint of a monitor scrapes the server, and what to do; None if one does."""
    if not monitor.endpoints:
        message = f"{monitor.kind} {monitor.name} selects no Service of the input"
        return message, "check its selector against the Service's labels"
    problems = [
        _selection_problem(monitor, scrape, server.pod)
        or _port_problem(monitor, scrape, server)
        or _path_problem(monitor, scrape, path, server)
        for scrape, path in zip(monitor.endpoints, monitor.paths, strict=True)
    ]
    return None if None in problems else problems[0]


def _selection_problem(monitor: Monitor, scrape: ScrapeConfig, pod: ScrapedPod) -> Problem | None:
    name = f"{monitor.kind} {monitor.name}"
    if scrape.namespaces is not None and pod.namespace not in scrape.namespaces:
        found = ", ".join(scrape.namespaces)
        message = f"{name} looks in the namespace {found}, the pods are in {pod.namespace}"
        if scrape.google:
            return message, f"move it to {pod.namespace}, or make it a ClusterPodMonitoring"
        return message, f"add {pod.namespace} to its namespaceSelector"
    if not scrape.selector.matches(pod.labels):
        labels = ",".join(f"{key}={value}" for key, value in sorted(pod.labels.items()))
        return f"{name} selects {scrape.selector}, the pods have {labels}", "align the labels"
    return None


def _port_problem(monitor: Monitor, scrape: ScrapeConfig, server: Server) -> Problem | None:
    """Return why the port of a scrape is not the one that has the metrics.

    A PodMonitor takes declared ports alone; Managed Service for Prometheus scrapes a number that
    is not declared too, and a Service forwards to it.
    """
    if scrape.port is None:
        return None
    name, pod, serves = f"{monitor.kind} {monitor.name}", server.pod, server.endpoint.port
    found = scrape.port_of(pod)
    undeclared = isinstance(scrape.port, int) and scrape.port not in pod.ports.values()
    if found is None or (undeclared and (scrape.port != serves or monitor.kind == "PodMonitor")):
        message = f"{name} scrapes port {scrape.port}, container {pod.container} has {_ports(pod)}"
        return message, _right_port(server)
    if found[1] == serves:
        return None
    shown = f"{found[0]} ({found[1]})" if found[0] != str(found[1]) else str(found[1])
    message = f"{name} scrapes port {shown}, {server.engine} shows its metrics on {serves}"
    return message, _right_port(server)


def _ports(pod: ScrapedPod) -> str:
    return ", ".join(f"{port} ({number})" for port, number in pod.ports.items()) or "none"


def _right_port(server: Server) -> str:
    """Return which port to scrape, or to declare."""
    serves, ports = server.endpoint.port, server.pod.ports
    name = next((name for name, number in ports.items() if number == serves), None)
    if name is not None:
        return f"scrape port {name}"
    return f"declare containerPort {serves} and scrape that"


def _path_problem(
    monitor: Monitor, scrape: ScrapeConfig, path: str, server: Server
) -> Problem | None:
    name, shown = f"{monitor.kind} {monitor.name}", server.endpoint.path
    if shown is not None and path != shown:
        return f"{name} scrapes {path}, {server.engine} has {shown}", f"set its path to {shown}"
    if scrape.target_labels(server.pod) is None:
        return f"{name} drops the pods by its relabelings", "check keep and drop rules"
    return None


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
