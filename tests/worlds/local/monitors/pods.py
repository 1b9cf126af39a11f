"""Pods and monitors to try discovery and relabelling with: drawn ones, and ScrapedPods of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import strategies as st

from scalecert.hpa.selectors import Requirement, Selector
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod
from scalecert.worlds.local.monitors.discovery import Pod

LABEL_KEYS = ("app", "app.kubernetes.io/name", "tier", "pod-template-hash")
LABEL_VALUES = ("web", "db-1", "a.b", "6d4cf56db6", "")
PORT_NAMES = ("http", "metrics", "grpc-web", "")
PORT_NUMBERS = (80, 8000, 9100)
NAMESPACES = ("default", "team-a")


def pod(one: ScrapedPod, *, owner: str = "", phase: str = "Running") -> Pod:
    """Return the API's pod of one container that discovery knows as `one`."""
    ports = [
        {"containerPort": number, "protocol": "TCP"}
        | ({} if name == str(number) else {"name": name})
        for name, number in one.ports.items()
    ]
    kind = "ReplicaSet" if one.controller_kind == "Deployment" else one.controller_kind
    name = owner or (
        f"{one.controller_name}-6d4cf56db6" if kind == "ReplicaSet" else one.controller_name
    )
    owners = [{"kind": kind, "name": name, "controller": True}] if one.controller_name else []
    return api_pod(
        {
            "metadata": {
                "name": one.name,
                "namespace": one.namespace,
                "uid": f"uid-{one.name}",
                "labels": dict(one.labels),
                "ownerReferences": owners,
            },
            "spec": {
                "nodeName": "node-0",
                "containers": [{"name": one.container, "image": "image:1", "ports": ports}],
            },
            "status": {"phase": phase, "podIP": one.address, "hostIP": "127.9.9.2"},
        }
    )


def api_pod(value: object) -> Pod:
    """Return a pod as it is read from the API."""
    return msgspec.convert(value, Pod)


@st.composite
def scraped_pods(draw: st.DrawFn) -> ScrapedPod:
    """Draw a pod of a Deployment, a StatefulSet or nobody."""
    kind = draw(st.sampled_from(("Deployment", "StatefulSet", "")))
    labels = draw(st.dictionaries(st.sampled_from(LABEL_KEYS), st.sampled_from(LABEL_VALUES)))
    if kind == "Deployment":
        labels["pod-template-hash"] = "6d4cf56db6"
    else:
        labels.pop("pod-template-hash", None)
    numbers = draw(st.lists(st.sampled_from(PORT_NUMBERS), unique=True, max_size=3))
    names = draw(st.permutations(PORT_NAMES))
    ports = {name or str(number): number for name, number in zip(names, numbers, strict=False)}
    return ScrapedPod(
        name=draw(st.sampled_from(("web-0", "web-6d4cf56db6-abcde"))),
        namespace=draw(st.sampled_from(NAMESPACES)),
        labels=labels,
        ports=ports,
        container=draw(st.sampled_from(("server", "engine"))),
        address=draw(st.sampled_from(("127.9.9.10", "127.9.9.11"))),
        controller_name="web" if kind else "",
        controller_kind=kind or "Deployment",
    )


def _requirements() -> st.SearchStrategy[Requirement]:
    keys, values = st.sampled_from(LABEL_KEYS), st.sampled_from(LABEL_VALUES)
    some = st.lists(values, min_size=1, max_size=2, unique=True).map(tuple)
    return st.one_of(
        st.builds(Requirement, keys, st.sampled_from(("in", "notin")), some),
        st.builds(Requirement, keys, st.just("="), values.map(lambda value: (value,))),
        st.builds(Requirement, keys, st.sampled_from(("exists", "!"))),
    )


def _relabelings() -> st.SearchStrategy[tuple[RelabelRule, ...]]:
    sources = st.lists(
        st.sampled_from(
            ("pod", "__meta_kubernetes_pod_label_app", "__meta_kubernetes_pod_ip", "nothing")
        ),
        max_size=2,
    ).map(tuple)
    rules = st.one_of(
        st.builds(
            RelabelRule,
            action=st.sampled_from(("replace", "Replace")),
            source_labels=sources,
            regex=st.sampled_from(("(.*)", "web-(.+)", "(.+);(.*)")),
            target_label=st.sampled_from(("shard", "pod", "container")),
            replacement=st.sampled_from(("$1", "${1}-x", "fixed", "a$$b")),
        ),
        st.builds(
            RelabelRule,
            action=st.sampled_from(("keep", "drop")),
            source_labels=sources,
            regex=st.sampled_from((".*", "web.*", "")),
        ),
        st.builds(
            RelabelRule, action=st.just("labeldrop"), regex=st.sampled_from(("endpoint", "p.*"))
        ),
        st.builds(
            RelabelRule,
            action=st.just("labelmap"),
            regex=st.just("__meta_kubernetes_pod_label_(.+)"),
            replacement=st.sampled_from(("$1", "pod_$1")),
        ),
        st.builds(
            RelabelRule,
            action=st.sampled_from(("lowercase", "uppercase")),
            source_labels=sources,
            target_label=st.just("shouted"),
        ),
    )
    return st.lists(rules, max_size=2).map(tuple)


_METADATA = ("pod", "container", "top_level_controller_name", "top_level_controller_type")
_FROM_POD = st.lists(
    st.tuples(st.sampled_from(LABEL_KEYS), st.sampled_from(("role", "pod", "job"))),
    max_size=2,
    unique_by=lambda pair: pair[1],
).map(tuple)


@st.composite
def cases(draw: st.DrawFn) -> tuple[ScrapeConfig, ScrapedPod]:
    """Draw an endpoint of any kind of monitor, and a pod that it selects more often than not."""
    one = draw(scraped_pods())
    kinds = ("PodMonitoring", "ClusterPodMonitoring", "PodMonitor", "ServiceMonitor")
    config = draw(st.sampled_from(kinds).flatmap(_config))
    if draw(st.integers(0, 3)) == 0:
        return config, one
    met = tuple(each for each in config.selector.requirements if each.matches(one.labels))
    names = [name for name in one.ports if not name.isdigit()]
    port = draw(st.sampled_from((*names, 8000))) if config.port_of(one) is None else config.port
    spaces = None if config.namespaces is None else (*config.namespaces, one.namespace)
    return replace(config, selector=Selector(met), port=port, namespaces=spaces), one


def _config(kind: str) -> st.SearchStrategy[ScrapeConfig]:
    operator = kind in ("PodMonitor", "ServiceMonitor")
    from_service = kind == "ServiceMonitor"
    spaces = st.lists(st.sampled_from(NAMESPACES), unique=True).map(tuple)
    nothing: st.SearchStrategy[tuple[RelabelRule, ...]] = st.just(())
    return st.builds(
        ScrapeConfig,
        kind=st.just(kind),
        name=st.just("monitor"),
        namespace=st.just("team-a"),
        selector=st.lists(_requirements(), max_size=2).map(lambda some: Selector(tuple(some))),
        port=st.sampled_from(("http", "metrics", "grpc.*", 8000)),
        interval_seconds=st.just(15.0),
        namespaces=st.none() | spaces,
        metadata=st.lists(st.sampled_from(_METADATA), unique=True).map(tuple),
        from_pod=_FROM_POD,
        service=st.sampled_from(("web", "")) if from_service else st.just(""),
        job=st.sampled_from(("web-service", "")) if from_service else st.just(""),
        job_pod_label=st.sampled_from(("", "app")) if operator else st.just(""),
        static_labels=st.sampled_from(((), (("team", "a"),))) if from_service else st.just(()),
        relabelings=_relabelings() if operator else nothing,
    )
