"""Whether what an HPA's metric is made of is exposed, and if not, why.

Google's names carry the series' name and kind, or are Cloud Monitoring's own; all others go through
the rules of prometheus-adapter. Series are the engine's, or those of accelerators.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from scalecert.documents import closest
from scalecert.engines.base import EngineKind, MetricInfo
from scalecert.engines.registry import engine_kinds
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector, SelectorError, label_selector_as_selector
from scalecert.hpa.types import MetricIdentifier, MetricSpec
from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.adapter_rules import DiscoveryRule
from scalecert.metrics.families import Catalogue
from scalecert.metrics.gke import PREFIX
from scalecert.metrics.gke.monitored_resources import K8S_CONTAINER, PROMETHEUS_TARGET
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.gke.selectors import CUSTOM_LABELS, EXTERNAL_LABELS, conditions_of
from scalecert.metrics.kube_resources import find_resource
from scalecert.metrics.names import ParsedName, is_google, parse_metric_name
from scalecert.metrics.promql.syntax import Expression
from scalecert.metrics.relabel import RelabelRule
from scalecert.policy.accelerator_series import (
    NO_ACCELERATORS,
    AcceleratorMetrics,
    never_asked_for,
    not_of_pods,
)
from scalecert.policy.exposed_metric import Exposure, google_name, selected_labels
from scalecert.policy.rule_queries import (
    label_never_there,
    read_query,
    written_fallback,
)

SCRAPE_LABELS = frozenset({"pod", "container", "namespace", "job", "instance", "node", "cluster",
                           "location", "project_id", "service", "endpoint",
                           "top_level_controller_name", "top_level_controller_type"})  # fmt: skip
"""Labels that a scrape may add to a series."""


class Exposed:
    """What one version of an engine and its accelerators expose, through one cluster's adapters.

    Args:
        kind: the engine.
        version: its version.
        rules: of prometheus-adapter.
        attached: labels that the policy's monitors attach; None if any may be among them.
        accelerators: what is known of theirs.
        relabelings: of each monitor, on the series that it stores.
    """

    def __init__(
        self,
        kind: EngineKind,
        version: str | None,
        rules: AdapterRules,
        attached: Collection[str] | None = (),
        *,
        accelerators: AcceleratorMetrics = NO_ACCELERATORS,
        relabelings: Iterable[Sequence[RelabelRule]] = (),
    ) -> None:
        self._kind, self._version, self._rules = kind, version, rules
        self._attached = attached
        self._known: Mapping[str, MetricInfo] = kind.metrics(version)
        self._accelerators = accelerators
        self._catalogue = Catalogue(self._known)
        for one in relabelings:
            self._catalogue.add_names(one)

    def knows(self, name: str, source_type: str) -> bool:
        """Tell whether something is known of what an HPA's metric names, in capitals or not."""
        names = {name, name.lower()} if source_type == "External" else {name}
        return any(self._has(one, parse_metric_name(one, source_type)) for one in names)

    def _has(self, name: str, parsed: ParsedName) -> bool:
        series = parsed.prometheus_name or name
        return series in self._catalogue.kinds or self._accelerators.knows(name, parsed)

    def nearest(self, name: str) -> str | None:
        """Return the accelerators' metric, as an HPA writes it, that a name nearly is."""
        scraped = (one.info for one in self._accelerators.scraped.values())
        known = {f"{PREFIX}|{info.name}|{info.kind}" for info in scraped}
        known |= {metric_type.replace("/", "|") for metric_type in self._accelerators.system}
        return closest(name, sorted(known)) or closest(name.lower(), sorted(known))

    def look_up(self, spec: MetricSpec, parsed: ParsedName) -> Exposure:
        """Return whether the metric of an HPA can exist; its selector is not looked at."""
        if parsed.kind == "adapter":
            return self._through_rules(spec)
        name = spec.name
        if spec.external is not None:
            # The API asks for an External metric in lower case (`ClusterApi`).
            name = spec.name.lower()
            lower = parse_metric_name(name, spec.type)
            if name != spec.name and not self._has(name, lower):
                return never_asked_for(self._accelerators, parsed.prometheus_name or spec.name)
            parsed = lower
        if not parsed.problem and self._accelerators.knows(name, parsed):
            return self._accelerators.exposure(name, parsed, spec)
        series = parsed.prometheus_name or ""
        if parsed.problem:
            info = self._family(series or name.removeprefix(f"{PREFIX}|"))
            return Exposure(False, series or None, reason=parsed.problem, hint=google_name(info))
        info = self._known.get(series)
        if series not in self._catalogue.kinds:
            return self._absent(series)
        kind = self._catalogue.kinds[series]
        if kind != parsed.metric_type:
            reason = f"{series} is a {kind}, the name says {parsed.metric_type}"
            return Exposure(False, series, reason=reason, hint=google_name(info))
        return Exposure(True, series, self._family(series))

    def _through_rules(self, spec: MetricSpec) -> Exposure:
        """Return what prometheus-adapter makes a metric of; a later rule takes precedence."""
        external = spec.external is not None
        wanted = spec.name.lower() if external else spec.name  # External ones are lower-cased
        found = None
        for rule in self._rules.external if external else self._rules.rules:
            for series in (*self._catalogue, *self._accelerators.scraped):
                if rule.takes(series) and rule.api_name(series) == wanted:
                    found = rule, series
        if found is not None:
            rule, series = found
            query = _query(rule, series, spec)
            exposure = self._by_rule(series, query)
            scraped = self._accelerators.scraped.get(series)
            if scraped is None or not exposure.exists:
                return exposure
            if spec.pods is not None and not scraped.of_pods and _pod_label(rule) == "pod":
                return replace(exposure, exists=False, reason=not_of_pods(scraped), hint=_MAP_PODS)
            return self._accelerators.by_rule(exposure, query, spec)
        if self._accelerators.knows(spec.name, parse_metric_name(spec.name, spec.type)):
            return self._accelerators.missing(spec.name)
        absent = self._absent(spec.name)
        reason = "no rule of prometheus-adapter makes it of what the engine exposes"
        return replace(absent, reason=f"{reason}; {absent.reason}")

    def _by_rule(self, series: str, query: Expression) -> Exposure:
        """Return what a rule's query makes of a series, if it selects any."""
        read = read_query(query)
        label = label_never_there(query, lambda one: self._labels(one.name))
        if not label:
            info = self._family(series) if read.keeps_values else None
            return Exposure(True, series, info, read)
        reason = f"the rule's query asks for a label {label} that its series never have"
        if read.fallback is not None:
            reason += f"; {written_fallback(read.fallback)} hides it from the HPA's conditions"
        return Exposure(False, series, reason=reason, hint=_label_hint(label, self._family(series)))

    def with_labels(
        self,
        exposure: Exposure,
        name: str,
        identifier: MetricIdentifier,
        *,
        external: bool,
    ) -> Exposure:
        """Return the exposure of a metric, as the HPA names it, with its selector looked at."""
        if not exposure.exists:
            return exposure
        if refused := _refused(identifier, name, external=external):
            return replace(exposure, exists=False, reason=refused[0], hint=refused[1])
        there = self._labels(exposure.series or external_metric_type(name))
        if exposure.info is None or there is None:
            return exposure
        for label in selected_labels(identifier):
            bare = label.removeprefix(_METRIC)
            if bare not in there and not label.startswith(("resource.", "metadata.", "reducer")):
                reason = f"{exposure.info.name} has no label {bare}"
                hint = _label_hint(bare, exposure.info, there)
                return replace(exposure, exists=False, reason=reason, hint=hint)
            if wrong := _misplaced(label, name):
                return replace(exposure, exists=False, reason=wrong[0], hint=wrong[1])
        return exposure

    def _labels(self, series: str | None) -> Collection[str] | None:
        """Return the labels that a series can have, None if nobody knows."""
        stored = self._accelerators.stored(series or "")
        if stored is not None:
            return stored.labels
        info = self._family(series) if series else None
        if info is None or self._attached is None:
            return None
        bounds = {"le"} if info.kind == "histogram" else set[str]()
        return SCRAPE_LABELS | set(info.labels) | set(self._attached) | bounds

    def _absent(self, series: str) -> Exposure:
        """Return why a version has no such series: not one value, renamed, or misspelt."""
        engine = f"{self._kind.name} {self._version or ''}".strip()
        info = self._known.get(series)
        if info is not None:
            reason = f"{series} is a {info.kind}, which has no single value"
            return Exposure(False, series, reason=reason, hint="scale on a gauge or a counter")
        reason = f"{engine} does not expose {series}"
        renamed = self._kind.replaced_by(series, self._version)
        if renamed is not None:
            return Exposure(False, series, reason=reason, hint=f"{engine} calls it {renamed}")
        near = closest(series, self._catalogue)
        hint = f"did you mean {near}?" if near else ""
        for other in engine_kinds():
            if other.name != self._kind.name and series in other.metrics(None):
                reason += f", {other.name} does"
                hint = f"scale on a metric of {self._kind.name}"
        return Exposure(False, series, reason=reason, hint=hint)

    def _family(self, series: str) -> MetricInfo | None:
        scraped = self._accelerators.scraped.get(series)
        if scraped is not None:
            return scraped.info
        return next((self._known[name] for name in self._catalogue.families([series])), None)


def _refused(identifier: MetricIdentifier, name: str, *, external: bool) -> tuple[str, str] | None:
    """Return why the HPA or Google's adapter takes no such selector, and what to do; None if so."""
    try:
        selector = label_selector_as_selector(identifier.selector)
    except SelectorError as error:
        reason = f"the HPA can't select series by its selector: {error}"
        return reason, "leave the label out: a label's value has letters, digits, - _ and . only"
    if not is_google(name):
        return None
    allowed = EXTERNAL_LABELS if external else CUSTOM_LABELS
    try:
        conditions_of(selector, allowed)
    except MetricsError as error:
        prefixes = ", ".join(f"{prefix}.NAME" for prefix in allowed.prefixes)
        beside = "" if external else "; the adapter names namespace and pods by itself"
        return f"Google's adapter refuses its selector: {error}", f"labels: {prefixes}{beside}"
    return None


def _misplaced(label: str, name: str) -> tuple[str, str] | None:
    """Return why a label of one of Google's metrics selects nothing, and what to write instead.

    The monitored resource has some labels, all others are the metric's; None if it may select.
    """
    if not is_google(name):
        return None
    resource = PROMETHEUS_TARGET if name.startswith(PREFIX) else K8S_CONTAINER
    bare = label.removeprefix(_RESOURCE).removeprefix(_METRIC)
    if label.startswith(_RESOURCE) and bare not in resource.labels:
        labels = ", ".join(resource.labels)
        return f"its resource, a {resource.type}, has no label {bare}", f"resource.labels: {labels}"
    if label.startswith(_METRIC) and bare in resource.labels:
        return f"{bare} is a label of its resource, not of the metric", f"write {_RESOURCE}{bare}"
    return None


_METRIC, _RESOURCE = "metric.labels.", "resource.labels."
_MAP_PODS = "map exported_namespace and exported_pod to namespace and pod in the rule's overrides"


def _pod_label(rule: DiscoveryRule) -> str:
    """Return the label by which a rule finds a pod's series, empty if it has none."""
    try:
        return rule.mapping.label_of("pods")
    except MetricsError:
        return ""


def _query(rule: DiscoveryRule, series: str, spec: MetricSpec) -> Expression:
    """Return a rule's query as the adapter would ask it for a metric of the HPA."""
    try:
        if spec.external is not None:
            return rule.external_query(series, "namespace", Selector())
        if spec.object is not None:
            kind = spec.object.described_object.kind
            resource = find_resource(kind) or f"{kind.lower()}s"
            return rule.custom_query(series, resource, "", ["name"], Selector())
    except MetricsError:
        pass  # it never is answered; what its text says holds all the same
    return rule.sample_query(series)


def _label_hint(label: str, info: MetricInfo | None, there: Collection[str] = ()) -> str:
    """Return which of a family's own labels, or of all that are there, is meant, else the own."""
    own = info.labels if info is not None else ()
    longer = next((one for one in own if label in one), None)
    plain = label.removeprefix("exported_")
    near = longer or (plain if plain in there else closest(label, sorted({*own, *there})))
    if near:
        return f"did you mean {near}?"
    return f"labels: {', '.join(own)}" if own else "it has none of its own"
