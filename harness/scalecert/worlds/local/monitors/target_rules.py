"""Relabelling that gives a target the labels that `ScrapeConfig.target_labels` says.

Discovery hands every job every port of every pod (`discovery`); these rules, which Prometheus
applies, keep those that the monitor selects and name them as Google's operator (pod_config.go of
prometheus-engine) and the Prometheus Operator (promcfg.go) do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scalecert.errors import HarnessBug
from scalecert.hpa.selectors import Requirement
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.worlds.local.monitors.discovery import (
    NAMESPACE,
    PREFIX,
    WITHOUT_PORTS,
    safe_name,
)

NODES_OWN = "kubernetes.io/config.mirror"
"""Annotation of the pods that a node runs by itself, as it does accelerators' exporters."""

_CONTAINER = f"{PREFIX}_container_name"
_PORT_NAME = f"{PREFIX}_container_port_name"
_PORT_NUMBER = f"{PREFIX}_container_port_number"
_ADDRESS = "__address__"
_IP = f"{PREFIX}_ip"
_NAME = f"{PREFIX}_name"

Rules = tuple[RelabelRule, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the pods of a policy without monitors show their metrics.

    Attributes:
        container: the engine's.
        port: the number.
        port_name: what the target's labels call it.
    """

    container: str
    port: int
    port_name: str


def target_rules(config: ScrapeConfig) -> Rules:
    """Return the rules of a monitor's endpoint, the monitor's own last.

    Raises:
        HarnessBug: for a selector that no monitor can have.
    """
    labels = _google(config) if config.google else _operator(config)
    return (*_selection(config), *_port(config), *labels, *config.relabelings)


def server_rules(config: ScrapeConfig, endpoint: Endpoint) -> Rules:
    """Return the rules by which a scrape without a monitor finds the engines' servers."""
    number = str(endpoint.port)
    return (
        *_selection(config),
        _keep((_CONTAINER,), re.escape(endpoint.container)),
        _copy(_IP, _ADDRESS, f"$1:{number}"),
        *_google_labels(config),
        _copy(_NAME, "instance", f"$1:{endpoint.port_name}"),
    )


def exporter_rules(config: ScrapeConfig) -> Rules:
    """Return the rules by which a scrape without a monitor finds accelerators' exporters."""
    return (*_selection(config), _on_each_node(), *_google(config))


def system_rules(container: str, port: int) -> Rules:
    """Return the rules by which Google Cloud's own collection finds a node's device plugin."""
    return (
        _running(),
        _on_each_node(),
        _keep((_CONTAINER,), re.escape(container)),
        _keep((_PORT_NUMBER,), str(port)),
    )


def fixed(labels: Iterable[tuple[str, str]]) -> Rules:
    """Return rules that set labels to what they always are."""
    return tuple(
        RelabelRule(target_label=name, replacement=value.replace("$", "$$"))
        for name, value in labels
    )


# -- which targets ------------------------------------------------------------------------------


def _selection(config: ScrapeConfig) -> Rules:
    """Return what drops pods that are not selected, and those whose container does not run yet."""
    found = [_running()]
    if config.namespaces is not None:
        found.append(_keep((NAMESPACE,), _any_of(config.namespaces)))
    return (*found, *map(_meets, config.selector.requirements))


def _running() -> RelabelRule:
    return _keep((f"{PREFIX}_phase",), "Running")


def _on_each_node() -> RelabelRule:
    return _keep((f"{PREFIX}_annotationpresent_{safe_name(NODES_OWN)}",), "true")


def _meets(requirement: Requirement) -> RelabelRule:
    """Return the rule of one condition on a pod's label."""
    name = safe_name(requirement.key)
    value, present = f"{PREFIX}_label_{name}", f"{PREFIX}_labelpresent_{name}"
    action = "drop" if requirement.operator in ("!", "!=", "notin") else "keep"
    if requirement.operator in ("exists", "!"):
        return RelabelRule(action=action, source_labels=(present,), regex="true")
    if requirement.operator in (">", "<"):
        raise HarnessBug(f"found the selector {requirement}, which no monitor can have")
    regex = f"({_any_of(requirement.values)});true"
    return RelabelRule(action=action, source_labels=(value, present), regex=regex)


def _port(config: ScrapeConfig) -> Rules:
    """Return what leaves one target of each pod.

    Google's operator scrapes a number whether or not it is declared, and so does a Service; all
    targets of the pod become one then. A PodMonitor takes declared ports alone.
    """
    if isinstance(config.port, str):
        return (_keep((_PORT_NAME,), config.port),)
    if config.port is None:
        return ()
    number = str(config.port)
    if config.google:
        return (_copy(_IP, _ADDRESS, f"$1:{number}"),)
    if config.kind == "PodMonitor":
        return (_keep((_PORT_NUMBER,), number),)
    # A pod that declares nothing may serve the port that the Service names.
    either = _keep((_PORT_NUMBER, WITHOUT_PORTS), f"{number};.*|;true")
    return (either, _copy(_IP, _ADDRESS, f"$1:{number}"))


# -- under which labels -------------------------------------------------------------------------


def _google(config: ScrapeConfig) -> Iterator[RelabelRule]:
    yield from _google_labels(config)
    if isinstance(config.port, int):
        yield _copy(_NAME, "instance", f"$1:{config.port}")
        return
    for port in (_PORT_NUMBER, _PORT_NAME):
        yield RelabelRule(
            source_labels=(_NAME, port),
            regex="(.+);(.+)",
            target_label="instance",
            replacement="$1:$2",
        )


def _google_labels(config: ScrapeConfig) -> Iterator[RelabelRule]:
    metadata = set(config.metadata)
    if isinstance(config.port, int):
        metadata.discard("container")
    for name, source in (
        ("pod", _NAME),
        ("container", _CONTAINER),
        ("node", f"{PREFIX}_node_name"),
    ):
        if name in metadata:
            yield _copy(source, name)
    if "top_level_controller_name" in metadata:
        yield from _controller("top_level_controller_name", f"{PREFIX}_controller_name", "$1")
    if "top_level_controller_type" in metadata:
        yield from _controller(
            "top_level_controller_type", f"{PREFIX}_controller_kind", "Deployment"
        )
    yield from _pod_labels(config.from_pod)
    yield from fixed((("project_id", "project"), ("location", "location"), ("cluster", "cluster")))
    yield _copy(NAMESPACE, "namespace")
    yield from fixed((("job", config.name),))


def _controller(label: str, source: str, of_replica_set: str) -> Iterator[RelabelRule]:
    """Return the rules of the controller's name or kind; a ReplicaSet's is its Deployment's."""
    yield _copy(source, label)
    yield RelabelRule(
        source_labels=(
            f"{PREFIX}_controller_kind",
            f"{PREFIX}_labelpresent_pod_template_hash",
            f"{PREFIX}_controller_name",
        ),
        regex="ReplicaSet;true;(.+)-[a-z0-9]+",
        target_label=label,
        replacement=of_replica_set,
    )


def _operator(config: ScrapeConfig) -> Iterator[RelabelRule]:
    yield from fixed(config.static_labels)
    yield from _pod_labels(config.from_pod)
    if config.service:
        yield from fixed((("service", config.service),))
    yield _copy(NAMESPACE, "namespace")
    yield _copy(_NAME, "pod")
    yield _copy(_CONTAINER, "container")
    if isinstance(config.port, int):
        yield from fixed((("endpoint", str(config.port)),))
    else:
        yield _copy(_PORT_NUMBER, "endpoint")
    yield _copy(_PORT_NAME, "endpoint")
    yield from fixed((("job", config.job or f"{config.namespace}/{config.name}"),))
    if config.job_pod_label:
        yield _copy(f"{PREFIX}_label_{safe_name(config.job_pod_label)}", "job")
    yield _copy(_ADDRESS, "instance")


def _pod_labels(pairs: Sequence[tuple[str, str]]) -> Iterator[RelabelRule]:
    """Return what copies labels of the pod, and leaves the target's where it has none."""
    for label, to in pairs:
        name = safe_name(label)
        yield RelabelRule(
            source_labels=(f"{PREFIX}_labelpresent_{name}", f"{PREFIX}_label_{name}"),
            regex="true;(.*)",
            target_label=to,
        )


def _copy(source: str, to: str, replacement: str = "$1") -> RelabelRule:
    """Return what copies a label that is there, and does nothing where it is not."""
    return RelabelRule(
        source_labels=(source,), regex="(.+)", target_label=to, replacement=replacement
    )


def _keep(sources: tuple[str, ...], regex: str) -> RelabelRule:
    return RelabelRule(action="keep", source_labels=sources, regex=regex)


def _any_of(values: Sequence[str]) -> str:
    return "|".join(map(re.escape, values))
