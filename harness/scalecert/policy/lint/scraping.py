"""Rules on the monitors: does something scrape what the HPA reads."""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.exporters.base import Daemon, Exporter
from scalecert.exporters.registry import exporters_of
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod
from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, Verdict, finding_at
from scalecert.policy.lint.kinds import accelerator_series, exporter_of, is_resource
from scalecert.policy.model import Monitor
from scalecert.policy.scraping import (
    Server,
    metrics_endpoint,
    monitor_problem,
    no_metrics,
    server_of,
)


def _scrape_target(facts: Facts) -> Iterator[LintFinding]:
    """`scrape-target`: some monitor scrapes the engine's metrics of the target's pods."""
    policy, server = facts.policy, server_of(facts.policy, facts.resolved)
    if server is None or not _reads_engine(facts):
        return
    silent = no_metrics(server)
    if silent is not None:
        container = facts.resolved.container
        place = container.place if container is not None else policy.place()
        yield finding_at(place, "scrape-target", "fail", *silent)
    elif not policy.monitors:
        yield finding_at(
            policy.place(),
            "scrape-target",
            "warning",
            "no PodMonitoring, PodMonitor or ServiceMonitor in the input: the scenario's default"
            " scrape is assumed",
            "add the monitor, so that its interval, port and selector are tested too",
        )
    else:
        yield from _by_monitor(facts, server)


def _by_monitor(facts: Facts, server: Server) -> Iterator[LintFinding]:
    """Yield the monitor that scrapes the server, else what is wrong with each that should."""
    problems = [(one, monitor_problem(one, server)) for one in facts.policy.monitors]
    right = next((one for one, problem in problems if problem is None), None)
    if right is not None:
        message = f"{right.kind} {right.name} scrapes container {server.pod.container}"
        yield finding_at(right.place, "scrape-target", "pass", message)
        return
    meant = [(one, problem) for one, problem in problems if not _of_exporter(facts, one)]
    for monitor, problem in meant:
        yield finding_at(monitor.place, "scrape-target", "fail", *(problem or ("",)))
    if not meant:
        message = f"no monitor of the input scrapes container {server.pod.container}"
        hint = f"add one for the metrics of {server.engine}"
        yield finding_at(facts.policy.place(), "scrape-target", "fail", message, hint)


def _reads_engine(facts: Facts) -> bool:
    """Tell whether a metric is the engine's: neither Kubernetes' nor of accelerators."""
    return any(
        not is_resource(signal)
        and accelerator_series(facts, signal) is None
        and exporter_of(facts, signal) is None
        for signal in facts.signals
    )


def _container_port(facts: Facts) -> Iterator[LintFinding]:
    """`container-port`: the port with the metrics is declared, or a monitor has its number."""
    server, container = server_of(facts.policy, facts.resolved), facts.resolved.container
    if server is None or container is None or not container.ports or not _reads_engine(facts):
        return
    serves = metrics_endpoint(facts.resolved, container).port
    if serves is None or serves in container.ports.values():
        return
    if any(monitor_problem(monitor, server) is None for monitor in facts.policy.monitors):
        return
    ports = [str(number) for number in container.ports.values()]
    one = len(ports) == 1
    yield finding_at(
        container.place,
        "container-port",
        "warning",
        f"container {container.name} declares port{'' if one else 's'} {', '.join(ports)}, its"
        f" server shows metrics on {serves}",
        f"declare containerPort {serves}" + (f", or have it listen on {ports[0]}" if one else ""),
    )


def _exporter_target(facts: Facts) -> Iterator[LintFinding]:
    """`exporter-target`: some monitor scrapes the exporter of an accelerator's metric."""
    found = (exporter_of(facts, signal) for signal in facts.signals)
    for exporter in {one.name: one for one in found if one is not None}.values():
        yield _of_one_exporter(facts, exporter)


def _of_one_exporter(facts: Facts, exporter: Exporter) -> LintFinding:
    id_ = "exporter-target"
    near: LintFinding | None = None
    for monitor in facts.policy.monitors:
        for daemon, scrape in _selected(monitor, exporter):
            problem = _daemon_problem(monitor, scrape, daemon)
            if problem is None:
                message = f"{monitor.kind} {monitor.name} scrapes {exporter.name}"
                return finding_at(monitor.place, id_, "pass", message)
            near = near or finding_at(monitor.place, id_, *problem)
    if near is not None:
        return near
    if facts.policy.monitors:
        message = f"no monitor of the input scrapes {exporter.name}"
        return finding_at(facts.policy.place(), id_, "fail", message, "add the exporter's monitor")
    message = f"no monitor in the input: a scrape of {exporter.name} is assumed"
    hint = "add the exporter's monitor, so that its interval and relabelling are tested too"
    return finding_at(facts.policy.place(), id_, "warning", message, hint)


def _of_exporter(facts: Facts, monitor: Monitor) -> bool:
    """Tell whether a monitor is meant for an exporter's pods."""
    known = exporters_of(facts.resolved.device)
    return any(True for exporter in known for _ in _selected(monitor, exporter))


def _selected(monitor: Monitor, exporter: Exporter) -> Iterator[tuple[Daemon, ScrapeConfig]]:
    """Yield the exporter's pods that a monitor's selector fits, in whatever namespace."""
    for scrape in monitor.endpoints:
        for daemon in exporter.daemons:
            if scrape.selector.matches(daemon.labels):
                yield daemon, scrape


def _daemon_problem(
    monitor: Monitor, scrape: ScrapeConfig, daemon: Daemon
) -> tuple[Verdict, str, str] | None:
    """Return the verdict on a monitor that selects an exporter, why and what to do; None if sound.

    An exporter may be installed anywhere, and is taken to run where the monitor looks: another
    namespace than the usual one is no proof of a fault.
    """
    name = f"{monitor.kind} {monitor.name}"
    if scrape.namespaces is not None and daemon.namespace not in scrape.namespaces:
        found = ", ".join(scrape.namespaces)
        message = f"{name} looks in the namespace {found}, {daemon.name} usually runs in"
        hint = f"move the monitor to {daemon.namespace}, unless you installed the exporter there"
        return "warning", f"{message} {daemon.namespace}", hint
    pod = ScrapedPod("pod", daemon.namespace, daemon.labels, daemon.ports, daemon.container)
    if scrape.port_of(pod) is None or not scrape.listening(pod):
        shown = ", ".join(f"{port} ({number})" for port, number in daemon.ports.items())
        right = f"scrape port {next(iter(daemon.ports))}"
        return "fail", f"{name} scrapes port {scrape.port}, {daemon.name} has {shown}", right
    if scrape.target_labels(pod) is None:
        message = f"{name} drops the pods of {daemon.name} by its relabelings"
        return "fail", message, "check keep and drop rules"
    return None


RULES = (
    LintRule(
        "scrape-target",
        "Does a monitor scrape the engine's metrics of the pods that are scaled?",
        "fail",
        "a monitor that selects other pods, another port or path leaves the HPA without a metric;"
        " without a monitor in the input it is a warning, and the scenario's scrape is assumed",
        _scrape_target,
    ),
    LintRule(
        "container-port",
        "Does the container declare the port that its server shows metrics on?",
        "warning",
        "the command line decides where a server listens; monitors, probes and Services that name"
        " a declared port go elsewhere",
        _container_port,
    ),
    LintRule(
        "exporter-target",
        "Does a monitor scrape the exporter of each accelerator metric?",
        "fail",
        "these metrics come from an exporter's pods, in a namespace of their own; without any"
        " monitor in the input it is a warning, and their scrape is assumed",
        _exporter_target,
    ),
)
