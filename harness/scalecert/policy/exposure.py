"""Whether the engine's version exposes what an HPA's metric is made of, and if not, why.

Google's names carry the series' name and kind; all others go through the rules of
prometheus-adapter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from scalecert.documents import closest
from scalecert.engines.base import EngineKind, MetricInfo
from scalecert.hpa.selectors import SelectorError, label_selector_as_selector
from scalecert.hpa.types import MetricIdentifier
from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.families import Catalogue
from scalecert.metrics.names import ParsedName
from scalecert.metrics.promql.syntax import Aggregation, Expression, VectorSelector

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
        reason: why it can't exist.
        hint: what to write instead.
    """

    exists: bool
    series: str | None = None
    info: MetricInfo | None = None
    reason: str = ""
    hint: str = ""


class Exposed:
    """What one version of an engine exposes, through one cluster's adapters.

    Args:
        kind: the engine.
        version: its version.
        rules: of prometheus-adapter.
    """

    def __init__(self, kind: EngineKind, version: str | None, rules: AdapterRules) -> None:
        self._kind, self._version, self._rules = kind, version, rules
        self._known: Mapping[str, MetricInfo] = kind.metrics(version)
        self._catalogue = Catalogue(self._known)

    def knows(self, series: str) -> bool:
        """Tell whether the engine exposes a series of this name."""
        return series in self._catalogue.kinds

    def look_up(self, name: str, source_type: str, parsed: ParsedName) -> Exposure:
        """Return whether the metric `name` of an HPA can exist."""
        if parsed.kind == "adapter":
            return self._through_rules(name, external=source_type == "External")
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

    def _through_rules(self, name: str, *, external: bool) -> Exposure:
        """Return what prometheus-adapter makes a metric of; a later rule takes precedence."""
        wanted = name.lower() if external else name  # External requests are lower-cased
        found = None
        for rule in self._rules.external if external else self._rules.rules:
            for series in self._catalogue:
                if rule.takes(series) and rule.api_name(series) == wanted:
                    found = rule, series
        if found is not None:
            rule, series = found
            plain = _keeps_values(rule.sample_query(series))
            return Exposure(True, series, self._family(series) if plain else None)
        absent = self._absent(name)
        reason = "no rule of prometheus-adapter makes it of what the engine exposes"
        return replace(absent, reason=f"{reason}; {absent.reason}")

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


def with_labels(exposure: Exposure, identifier: MetricIdentifier) -> Exposure:
    """Return the exposure of a metric with its selector's labels looked at."""
    if not exposure.exists:
        return exposure
    try:
        label_selector_as_selector(identifier.selector)
    except SelectorError as error:
        reason = f"the HPA can't select series by its selector: {error}"
        hint = "leave the label out: a label's value has letters, digits, - _ and . only"
        return replace(exposure, exists=False, reason=reason, hint=hint)
    if exposure.info is None:
        return exposure
    there = SCRAPE_LABELS | set(exposure.info.labels)
    for label in _selected_labels(identifier):
        bare = label.removeprefix("metric.labels.")
        if bare not in there and not label.startswith(("resource.", "metadata.", "reducer")):
            reason = f"{exposure.series} has no label {bare}"
            near = closest(bare, there)
            hint = f"did you mean {near}?" if near else f"labels: {', '.join(exposure.info.labels)}"
            return replace(exposure, exists=False, reason=reason, hint=hint)
    return exposure


def _selected_labels(identifier: MetricIdentifier) -> Iterable[str]:
    """Yield the labels that a metric's series must have."""
    if identifier.selector is not None:
        yield from identifier.selector.match_labels
        for one in identifier.selector.match_expressions:
            if one.operator in ("In", "Exists"):
                yield one.key


def _google_name(info: MetricInfo | None) -> str:
    if info is None or info.kind == "histogram":
        return ""
    return f"write prometheus.googleapis.com|{info.name}|{info.kind}"


def _keeps_values(query: Expression) -> bool:
    """Tell whether a rule's query shows the series' own values, at most added up or averaged.

    Only then do unit and maximum of the series hold for the metric.
    """
    inner = query.expression if isinstance(query, Aggregation) else query
    return isinstance(inner, VectorSelector)
