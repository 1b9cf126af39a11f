"""Rules on External metrics: whose series they are, and under which name they are asked for.

The HPA adds up every series that the selector of an External metric leaves. Google's adapter asks
for those of the whole project; prometheus-adapter adds the HPA's namespace by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.hpa.types import ExternalMetricSource, MetricIdentifier
from scalecert.metrics.gke.monitored_resources import K8S_CONTAINER, PROMETHEUS_TARGET
from scalecert.metrics.names import is_google, parse_metric_name
from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, finding_at
from scalecert.policy.lint.kinds import accelerator_series, exporter_of
from scalecert.recording.plan import Signal

_Words = tuple[frozenset[str], frozenset[str]]
"""Labels that tell namespaces apart, and those that tell pods apart."""

_OF_POD_SCRAPES: _Words = (
    frozenset({"namespace"}),
    frozenset({"pod", "container", "top_level_controller_name", "job", "instance", "service",
               "model_name", "metadata"}),
)  # fmt: skip
_OF_PAGES: _Words = (
    frozenset({"exported_namespace"}),
    frozenset({"exported_pod", "exported_container"}),
)
_OF_CONTAINERS: _Words = (
    frozenset({"namespace_name"}),
    frozenset({"pod_name", "container_name", "metadata"}),
)


def _external(facts: Facts) -> Iterator[tuple[Signal, ExternalMetricSource]]:
    """Yield the metrics that Google's adapter answers as External ones."""
    for signal in facts.signals:
        source = facts.policy.hpa.metrics[signal.index].external
        if source is not None and is_google(source.metric.name):
            yield signal, source


def _identity(facts: Facts) -> Iterator[LintFinding]:
    """`external-identity`: the selector leaves no other workload's series."""
    for signal, source in _external(facts):
        labels = set(_selected(source.metric))
        words = _telling_apart(facts, signal)
        missing = [
            what
            for what, known in zip(("namespace", "pods"), words, strict=True)
            if known.isdisjoint(labels)
        ]
        place = facts.place(signal)
        if not missing:
            message = f"the selector of {signal.metric} names namespace and pods"
            yield finding_at(place, "external-identity", "pass", message)
            continue
        yield finding_at(
            place,
            "external-identity",
            "fail" if len(missing) == 2 else "warning",
            f"the selector of {signal.metric} does not name the {' or the '.join(missing)}: an"
            " External metric adds up the series of every workload in the project that it fits",
            f"add matchLabels {_labels_to_add(facts, signal)}",
        )


def _selected(metric: MetricIdentifier) -> Iterator[str]:
    """Yield the labels whose value the selector decides, those of metadata as `metadata`."""
    if metric.selector is not None:
        chosen = [one.key for one in metric.selector.match_expressions if one.operator == "In"]
        for label in (*metric.selector.match_labels, *chosen):
            yield "metadata" if label.startswith("metadata.") else label.rpartition(".")[2]


def _telling_apart(facts: Facts, signal: Signal) -> _Words:
    """Return the labels by which a metric's series are told apart.

    Those of an exporter's page tell of other pods than its own: where a scrape attaches a label
    that the page has too, the page's is called `exported_...`.
    """
    if parse_metric_name(signal.metric, "External").kind == "gke-system":
        return _OF_CONTAINERS
    series = accelerator_series(facts, signal)
    if series is None:
        return _OF_POD_SCRAPES if exporter_of(facts, signal) is None else _OF_PAGES
    pages = {word: _exported(word, series.labels) for word in ("namespace", "pod", "container")}
    return frozenset({pages["namespace"]}), frozenset({pages["pod"], pages["container"]})


def _exported(word: str, labels: frozenset[str]) -> str:
    return f"exported_{word}" if f"exported_{word}" in labels else word


def _labels_to_add(facts: Facts, signal: Signal) -> str:
    """Return a label that tells namespaces apart and one that tells pods apart."""
    words = _telling_apart(facts, signal)
    namespace, container = (
        next(word for word in known if what in word)
        for known, what in zip(words, ("namespace", "container"), strict=True)
    )
    of_resource = {*PROMETHEUS_TARGET.labels, *K8S_CONTAINER.labels}
    return " and ".join(
        f"{'resource' if word in of_resource else 'metric'}.labels.{word}"
        for word in (namespace, container)
    )


def _upper_case(facts: Facts) -> Iterator[LintFinding]:
    """`external-upper-case`: the name is the one that is asked for."""
    for signal, source in _external(facts):
        name = source.metric.name
        if name == name.lower():
            continue
        rename = (
            "" if signal.exists else "rename the series with metricRelabeling in its monitor, and "
        )
        yield finding_at(
            facts.place(signal),
            "external-upper-case",
            "warning" if signal.exists else "fail",
            f"{name} is asked for as {name.lower()}: the API of External metrics lower-cases names",
            f"{rename}write it in lower case",
        )


RULES = (
    LintRule(
        "external-identity",
        "Does the selector of an External metric name namespace and pods?",
        "fail",
        "an External metric is the sum over all series that fit, neighbours' too: their load adds"
        " replicas here; where one of the two is named it is a warning",
        _identity,
    ),
    LintRule(
        "external-upper-case",
        "Is the name of an External metric written in lower case?",
        "fail",
        "the API lower-cases it, so a series such as DCGM's is never found without relabelling;"
        " where the scrape renames it, a warning",
        _upper_case,
    ),
)
