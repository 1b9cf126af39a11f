"""What the policy's metrics are made of: series names, and how far back they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.adapter_rules import DiscoveryRule
from scalecert.metrics.gke import REQUEST_WINDOW_SECONDS, GoogleMetric
from scalecert.metrics.inputs import WantedMetric
from scalecert.metrics.promql import reach_seconds, selectors
from scalecert.metrics.tsdb import LOOKBACK_SECONDS, NAME_LABEL


@dataclass(frozen=True, slots=True)
class Needs:
    """`names` of series to scrape, and how long before its time a query may read them."""

    names: frozenset[str]
    reach_seconds: float


def find_needs(wanted: Iterable[WantedMetric], rules: AdapterRules, known: Sequence[str]) -> Needs:
    """Return what it takes to answer for the metrics that an HPA reads.

    Args:
        wanted: these metrics.
        rules: of prometheus-adapter.
        known: the names of all series that there may be.
    """
    names: set[str] = set()
    reach = max(LOOKBACK_SECONDS, REQUEST_WINDOW_SECONDS)
    for metric in wanted:
        google = GoogleMetric.parse(metric.asked)
        if google is not None:
            names.add(google.name)
            continue
        for rule, series in _sources(metric, rules, known):
            query = rule.sample_query(series)
            reach = max(reach, reach_seconds(query))
            names.add(series)
            for selector in selectors(query):
                on_name = [one for one in selector.matchers if one.label == NAME_LABEL]
                names |= {name for name in known if all(one.matches(name) for one in on_name)}
    return Needs(frozenset(names), reach)


def _sources(
    metric: WantedMetric, rules: AdapterRules, known: Sequence[str]
) -> Iterator[tuple[DiscoveryRule, str]]:
    """Yield the rules that serve a metric, with the series that each serves it from."""
    for rule in rules.external if metric.source == "External" else rules.rules:
        for series in known:
            if rule.takes(series) and rule.api_name(series) == metric.asked:
                yield rule, series
