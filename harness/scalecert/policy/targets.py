"""Deployment, StatefulSet and LeaderWorkerSet manifests to `Target`, and Services."""

from __future__ import annotations

import re
from dataclasses import replace

from scalecert.documents import Document, check_spelling, decode
from scalecert.hpa.selectors import Selector, SelectorError, label_selector_as_selector
from scalecert.hpa.types import LabelSelector
from scalecert.policy.manifests import (
    ContainerDocument,
    LeaderWorkerSetDocument,
    LifecycleHandler,
    PodSpec,
    PodTemplateDocument,
    ProbeDocument,
    ReplicatedDocument,
    ServiceDocument,
)
from scalecert.policy.model import (
    Container,
    Place,
    PodTemplate,
    Probe,
    Service,
    Strategy,
    Target,
)

TARGET_KINDS = ("Deployment", "StatefulSet", "LeaderWorkerSet")

_GROUP_NAME_LABEL = "leaderworkerset.sigs.k8s.io/name"
_WORKER_INDEX_LABEL = "leaderworkerset.sigs.k8s.io/worker-index"
SLEEP = re.compile(r"(?:^|[\s;&|])sleep\s+(\d+(?:\.\d+)?)")
"""A command's sleep, its words joined by blanks."""


def read_target(document: Document) -> Target:
    """Return the target that a manifest of one of `TARGET_KINDS` describes.

    Raises:
        UsageError: for a field of a wrong type, a missing or a misspelt one.
    """
    if document.get_text("kind") == "LeaderWorkerSet":
        return _leader_worker_set(document)
    check_spelling(document, ReplicatedDocument)
    read = decode(document, ReplicatedDocument)
    if not read.spec.template.spec.containers:
        raise document.error("found no container", field="spec.template.spec.containers")
    bounds = read.spec.strategy.rolling_update
    return Target(
        kind=document.get_text("kind"),
        api_version=document.get_text("apiVersion"),
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        place=Place(document.file, document.line),
        replicas=read.spec.replicas,
        selector=read_selector(document, read.spec.selector, "spec.selector"),
        template=_template(document, "spec.template", read.spec.template),
        strategy=Strategy(read.spec.strategy.type, bounds.max_surge, bounds.max_unavailable),
        annotations=read.metadata.annotations,
        pod_management=read.spec.pod_management_policy,
    )


def read_service(document: Document) -> Service:
    """Return the Service that a manifest describes."""
    read = decode(document, ServiceDocument)
    return Service(
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        place=Place(document.file, document.line),
        labels=read.metadata.labels,
        selector=read.spec.selector,
        ports=tuple(
            (port.name, port.port, port.port if port.target_port is None else port.target_port)
            for port in read.spec.ports
        ),
    )


def read_selector(document: Document, selector: LabelSelector, path: str) -> Selector:
    """Return a manifest's label selector, ready to match.

    Raises:
        UsageError: if it is none that the API server would take.
    """
    try:
        return label_selector_as_selector(selector)
    except SelectorError as error:
        raise document.error(str(error), field=path) from error


def _leader_worker_set(document: Document) -> Target:
    """Return a LeaderWorkerSet: its scale counts groups, and selects the leader pods."""
    check_spelling(document, LeaderWorkerSetDocument)
    read = decode(document, LeaderWorkerSetDocument)
    group = read.spec.leader_worker_template
    of_leaders = {_GROUP_NAME_LABEL: read.metadata.name, _WORKER_INDEX_LABEL: "0"}
    leader = group.leader_template
    path = "spec.leaderWorkerTemplate"
    worker = _template(document, f"{path}.workerTemplate", group.worker_template)
    return Target(
        kind="LeaderWorkerSet",
        api_version=document.get_text("apiVersion"),
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        place=Place(document.file, document.line),
        replicas=read.spec.replicas,
        selector=label_selector_as_selector(LabelSelector(match_labels=of_leaders)),
        template=_labelled(worker, of_leaders) if leader is None else worker,
        annotations=read.metadata.annotations,
        pods_per_replica=group.size,
        leader=None
        if leader is None
        else _labelled(_template(document, f"{path}.leaderTemplate", leader), of_leaders),
    )


def _template(document: Document, path: str, read: PodTemplateDocument) -> PodTemplate:
    """Return the pod template that stands at a path of the document."""
    containers, init_containers = (
        tuple(
            _container(document, f"{path}.spec.{field}[{index}]", one)
            for index, one in enumerate(listed)
        )
        for field, listed in (
            ("containers", read.spec.containers),
            ("initContainers", read.spec.init_containers),
        )
    )
    return PodTemplate(
        labels=read.metadata.labels,
        annotations=read.metadata.annotations,
        containers=containers,
        init_containers=init_containers,
        node_labels=_node_labels(read.spec),
        termination_grace_seconds=float(read.spec.termination_grace_period_seconds),
    )


def _labelled(template: PodTemplate, labels: dict[str, str]) -> PodTemplate:
    return replace(template, labels={**template.labels, **labels})


def _node_labels(spec: PodSpec) -> dict[str, str]:
    """Return the labels that every node of the pod has: only what leaves exactly one value."""
    terms = spec.affinity.node_affinity.required.node_selector_terms
    required = {
        condition.key: condition.values[0]
        for condition in (terms[0].match_expressions if len(terms) == 1 else ())
        if condition.operator == "In" and len(condition.values) == 1
    }
    return required | spec.node_selector


def _container(document: Document, path: str, read: ContainerDocument) -> Container:
    lines = (document.line_of(f"{path}.args[{index}]") for index in range(len(read.args)))
    return Container(
        name=read.name,
        image=read.image,
        place=Place(document.file, document.line_of(path)),
        args=read.args,
        arg_lines=tuple(lines),
        command=read.command,
        env={one.name: one.value or "" for one in read.env if one.value_from is None},
        hidden_env=tuple(one.name for one in read.env if one.value_from is not None),
        ports={port.name or str(port.container_port): port.container_port for port in read.ports},
        requests=read.resources.limits | read.resources.requests,
        limits=read.resources.limits,
        readiness=_probe(read.readiness_probe),
        startup=_probe(read.startup_probe),
        liveness=_probe(read.liveness_probe),
        pre_stop_seconds=_pre_stop_seconds(read.lifecycle.pre_stop),
        restarts_always=read.restart_policy == "Always",
    )


def _probe(read: ProbeDocument | None) -> Probe | None:
    """Return a probe; 0 stands for the default where it means nothing (SetDefaults_Probe)."""
    if read is None:
        return None
    return Probe(
        initial_delay_seconds=float(read.initial_delay_seconds),
        period_seconds=float(read.period_seconds or 10),
        timeout_seconds=float(read.timeout_seconds or 1),
        success_threshold=read.success_threshold or 1,
        failure_threshold=read.failure_threshold or 3,
        path=read.http_get.path if read.http_get else None,
        port=read.http_get.port if read.http_get else None,
    )


def _pre_stop_seconds(hook: LifecycleHandler | None) -> float:
    """Return how long a preStop hook sleeps: by `sleep`, or by a command such as `sleep 10`."""
    if hook is None:
        return 0.0
    if hook.sleep is not None:
        return float(hook.sleep.seconds)
    slept = SLEEP.search(" ".join(hook.exec.command)) if hook.exec else None
    return float(slept[1]) if slept else 0.0
