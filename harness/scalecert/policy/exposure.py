"""Whether the engine's version exposes what an HPA's metric is made of, and if not, why.

Google's names carry the series' name and kind; all others go through the rules of
prometheus-adapter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from scalecert.documents import closest
from scalecert.engines.base import EngineKind, MetricInfo
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector, SelectorError, label_selector_as_selector
from scalecert.hpa.types import MetricIdentifier, MetricSpec
from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.adapter_rules import DiscoveryRule
from scalecert.metrics.families import Catalogue
from scalecert.metrics.kube_resources import find_resource
from scalecert.metrics.names import ParsedName
from scalecert.metrics.promql.syntax import Expression
from scalecert.policy.rule_queries import (
    PLAIN,
    RuleQuery,
    label_never_there,
    read_query,
    written_fallback,
)

SCRAPE_LABELS = frozenset({"pod", "container", "namespace", "job", "instance", "node", "cluster",
                           "location", "project_id", "service", "endpoint",
                           "top_level_controller_name", "top_level_controller_type"})  # fmt: skip
"""Labels that a scrape may add to a series."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Whether a metric can exist.

    Attributes:
        exists: whether it can.
        series: the Prometheus series behind it, as far as known.
        info: what is known of the series; None where a query makes something else of it.
        query: what a rule of prometheus-adapter makes of the series.
        reason: why it can't exist.
        hint: what to write instead.
    """

    exists: bool
    series: str | None = None
    info: MetricInfo | None = None
    query: RuleQuery = PLAIN
    reason: str = ""
    hint: str = ""


class Exposed:
    """What one version of an engine exposes, through one cluster's adapters.

    Args:
        kind: the engine.
        version: its version.
        rules: of prometheus-adapter.
        attached: labels that the policy's monitors attach; None if any may be among them.
    """

    def __init__(
        self,
        kind: EngineKind,
        version: str | None,
        rules: AdapterRules,
        attached: Collection[str] | None = (),
    ) -> None:
        self._kind, self._version, self._rules = kind, version, rules
        self._attached = attached
        self._known: Mapping[str, MetricInfo] = kind.metrics(version)
        self._catalogue = Catalogue(self._known)

    def knows(self, series: str) -> bool:
        """Tell whether the engine exposes a series of this name."""
        return series in self._catalogue.kinds

    def look_up(self, spec: MetricSpec, parsed: ParsedName) -> Exposure:
        """Return whether the metric of an HPA can exist; its selector is not looked at."""
        if parsed.kind == "adapter":
            return self._through_rules(spec)
        series = parsed.prometheus_name or ""
        info = self._known.get(series)
        if parsed.problem:
            return Exposure(False, series or None, reason=parsed.problem, hint=_google_name(info))
        if series not in self._catalogue.kinds:
            return self._absent(series)
        kind = self._catalogue.kinds[series]
        if kind != parsed.metric_type:
            reason = f"{series} is a {kind}, the name says {parsed.metric_type}"
            return Exposure(False, series, reason=reason, hint=_google_name(info))
        return Exposure(True, series, self._family(series))

    def _through_rules(self, spec: MetricSpec) -> Exposure:
        """Return what prometheus-adapter makes a metric of; a later rule takes precedence."""
        external = spec.external is not None
        wanted = spec.name.lower() if external else spec.name  # External ones are lower-cased
        found = None
        for rule in self._rules.external if external else self._rules.rules:
            for series in self._catalogue:
                if rule.takes(series) and rule.api_name(series) == wanted:
                    found = rule, series
        if found is not None:
            return self._by_rule(found[1], _query(found[0], found[1], spec))
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

    def with_labels(self, exposure: Exposure, identifier: MetricIdentifier) -> Exposure:
        """Return the exposure of a metric with its selector's labels looked at."""
        if not exposure.exists:
            return exposure
        try:
            label_selector_as_selector(identifier.selector)
        except SelectorError as error:
            reason = f"the HPA can't select series by its selector: {error}"
            hint = "leave the label out: a label's value has letters, digits, - _ and . only"
            return replace(exposure, exists=False, reason=reason, hint=hint)
        there = self._labels(exposure.series)
        if exposure.info is None or there is None:
            return exposure
        for label in _selected_labels(identifier):
            bare = label.removeprefix("metric.labels.")
            if bare not in there and not label.startswith(("resource.", "metadata.", "reducer")):
                reason = f"{exposure.series} has no label {bare}"
                hint = _label_hint(bare, exposure.info)
                return replace(exposure, exists=False, reason=reason, hint=hint)
        return exposure

    def _labels(self, series: str | None) -> Collection[str] | None:
        """Return the labels that a series of the engine can have, None if nobody knows."""
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
        return Exposure(False, series, reason=reason, hint=f"did you mean {near}?" if near else "")

    def _family(self, series: str) -> MetricInfo | None:
        return next((self._known[name] for name in self._catalogue.families([series])), None)


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


def _selected_labels(identifier: MetricIdentifier) -> Iterable[str]:
    """Yield the labels that a metric's series must have."""
    if identifier.selector is not None:
        yield from identifier.selector.match_labels
        for one in identifier.selector.match_expressions:
            if one.operator in ("In", "Exists"):
                yield one.key


def _label_hint(label: str, info: MetricInfo | None) -> str:
    """Return which of a family's own labels is meant, else what there is."""
    own = info.labels if info is not None else ()
    longer = next((one for one in own if label in one), None)
    near = longer or closest(label, own)
    return f"did you mean {near}?" if near else f"labels: {', '.join(own)}"


def _google_name(info: MetricInfo | None) -> str:
    if info is None or info.kind == "histogram":
        return ""
    return f"write prometheus.googleapis.com|{info.name}|{info.kind}"
