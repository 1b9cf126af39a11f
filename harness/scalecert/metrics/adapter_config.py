"""prometheus-adapter's configuration to rules, checked as far as can be without any series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scalecert.documents import Document, decode, parse_documents
from scalecert.metrics.adapter_documents import (
    ConfigDocument,
    RegexFilter,
    ResourceMapping,
    RuleDocument,
)
from scalecert.metrics.adapter_rules import (
    QUERY_FIELDS,
    RESOURCE_FIELDS,
    DiscoveryRule,
    LabelMapping,
)
from scalecert.metrics.go_template import Template
from scalecert.metrics.kube_resources import find_resource
from scalecert.metrics.promql import PromqlError, parse
from scalecert.metrics.promql.syntax import VectorSelector
from scalecert.metrics.tsdb import Matcher

_HINT = "docs/reference/promql.md has the supported subset"

DEFAULT_RULES = b"""
rules:
- seriesQuery: '{namespace!="",__name__!~"^container_.*"}'
  seriesFilters: [{isNot: ".*_total$"}]
  resources: {template: "<<.Resource>>"}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: '{namespace!="",__name__!~"^container_.*"}'
  seriesFilters: [{isNot: ".*_seconds_total"}]
  name: {matches: "^(.*)_total$"}
  resources: {template: "<<.Resource>>"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)
- seriesQuery: '{namespace!="",__name__!~"^container_.*"}'
  name: {matches: "^(.*)_seconds_total$"}
  resources: {template: "<<.Resource>>"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)
"""
"""What the adapter's Helm chart installs by default, but for cAdvisor's series."""


@dataclass(frozen=True, slots=True)
class AdapterRules:
    """Rules of the custom (`rules`) and of the external metrics API (`external`)."""

    rules: tuple[DiscoveryRule, ...] = ()
    external: tuple[DiscoveryRule, ...] = ()


def effective_rules(documents: Sequence[Document]) -> AdapterRules:
    """Return the rules of all configurations, the chart's default ones if there is none.

    Raises:
        UsageError: for a field that does not fit, or a query outside of the documented subset.
    """
    if not documents:
        documents = parse_documents(DEFAULT_RULES, "prometheus-adapter's default rules")
    read = [read_rules(document) for document in documents]
    return AdapterRules(
        tuple(rule for one in read for rule in one.rules),
        tuple(rule for one in read for rule in one.external),
    )


def read_rules(document: Document) -> AdapterRules:
    """Return the rules of one configuration.

    Raises:
        UsageError: for a field that does not fit, or a query outside of the documented subset.
    """
    config = decode(document, ConfigDocument)
    return AdapterRules(
        _compiled(document, "rules", config.rules),
        _compiled(document, "externalRules", config.external_rules),
    )


def _compiled(
    document: Document, path: str, rules: Sequence[RuleDocument]
) -> tuple[DiscoveryRule, ...]:
    return tuple(
        _compile_rule(rule, document, f"{path}[{index}]") for index, rule in enumerate(rules)
    )


def _compile_rule(rule: RuleDocument, document: Document, path: str) -> DiscoveryRule:
    """Return one entry of a configuration, checked.

    Raises:
        UsageError: for a regex, template or query that can't be used.
    """
    matches = rule.name.matches
    pattern = _regex(document, f"{path}.name.matches", matches or ".*")
    filters = [
        _filter(document, f"{path}.seriesFilters[{index}]", one)
        for index, one in enumerate(rule.series_filters)
    ]
    if matches:
        filters.append((pattern, True))
    compiled = DiscoveryRule(
        _series_matchers(document, f"{path}.seriesQuery", rule.series_query),
        tuple(filters),
        pattern,
        rule.name.as_ or _default_name(document, path, pattern),
        _mapping(document, f"{path}.resources", rule.resources),
        _template(document, f"{path}.metricsQuery", rule.metrics_query, QUERY_FIELDS),
        tuple((one.find, one.replace) for one in rule.label_value_replacements),
    )
    _check_query(document, f"{path}.metricsQuery", compiled)
    return compiled


def _series_matchers(document: Document, path: str, query: str) -> tuple[Matcher, ...]:
    try:
        selector = parse(query)
    except PromqlError as error:
        raise document.error(str(error), field=path, hint=_HINT) from error
    if not isinstance(selector, VectorSelector) or selector.offset_seconds:
        raise document.error('found a query, expected a selector such as {pod!=""}', field=path)
    return selector.matchers


def _check_query(document: Document, path: str, rule: DiscoveryRule) -> None:
    """Parse the query as it is for one pod, so that what is unsupported is named now."""
    try:
        rule.sample_query("series")
    except PromqlError as error:
        raise document.error(str(error), field=path, hint=_HINT) from error


def _default_name(document: Document, path: str, pattern: re.Pattern[str]) -> str:
    if pattern.groups > 1:
        raise document.error(
            f"found nothing, expected a name, as matches has {pattern.groups} groups",
            field=f"{path}.name.as",
        )
    return "$1" if pattern.groups else "$0"


def _filter(document: Document, path: str, one: RegexFilter) -> tuple[re.Pattern[str], bool]:
    if bool(one.is_) == bool(one.is_not):
        raise document.error("expected exactly one of is and isNot", field=path)
    return _regex(document, path, one.is_ or one.is_not), bool(one.is_)


def _regex(document: Document, path: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as fault:
        raise document.error(f"found an invalid regex: {fault}", field=path) from fault


def _template(document: Document, path: str, text: str, fields: Sequence[str]) -> Template:
    try:
        return Template.parse(text, fields)
    except ValueError as fault:
        raise document.error(str(fault), field=path) from fault


def _mapping(document: Document, path: str, mapping: ResourceMapping) -> LabelMapping:
    overrides = {
        label: find_resource(one.resource) or one.resource
        for label, one in mapping.overrides.items()
    }
    if not mapping.template:
        return LabelMapping(overrides, None, None, mapping.namespaced)
    template = _template(document, f"{path}.template", mapping.template, RESOURCE_FIELDS)
    text = template.render({"Resource": "(?P<resource>.+?)", "Group": "(?P<group>.+?)"})
    pattern = _regex(document, f"{path}.template", text)
    if "resource" not in pattern.groupindex:
        raise document.error(
            "found a template without <<.Resource>>, which it must have", field=f"{path}.template"
        )
    return LabelMapping(overrides, template, pattern, mapping.namespaced)
