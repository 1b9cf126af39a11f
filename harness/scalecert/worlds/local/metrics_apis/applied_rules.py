"""prometheus-adapter's rules as people apply them to a world that is kept by hand.

A trial's rules are its policy's, and known when the process starts. Here any ConfigMap with rules
counts, from the first relist after it was applied; one that can't be used is left out, and the
process' log says so.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from scalecert.documents import Document, parse_documents
from scalecert.errors import UsageError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import read_rules as check_rules
from scalecert.metrics.gke.response import internal_error
from scalecert.metrics.provider import MetricsProvider
from scalecert.policy.rules import read_rules
from scalecert.worlds.api_server import ApiObject, ApiServer, ApiUnavailable

_CONFIG_MAPS = "/api/v1/configmaps"
_HINT = b"ules:"
"""In every ConfigMap with rules; most others need not be read."""


def rules_in(config_maps: Sequence[ApiObject], leave_out: Callable[[str], None]) -> list[Document]:
    """Return the configurations of prometheus-adapter in ConfigMaps; `leave_out` hears of others.

    Args:
        config_maps: all there are.
        leave_out: is told, in a line, of each that has rules and can't be used.
    """
    found: list[Document] = []
    for one in config_maps:
        if _HINT in one.raw:
            try:
                found += _rules_of(one)
            except UsageError as error:
                leave_out(str(error))
    return found


def _rules_of(config_map: ApiObject) -> Iterator[Document]:
    for document in parse_documents(config_map.raw, f"{config_map.namespace}/{config_map.name}"):
        rules = read_rules(document)
        if rules is not None:
            check_rules(rules.document)
            yield rules.document


class AppliedRules:
    """prometheus-adapter with the rules that the API server holds.

    Args:
        api: the API server.
        adapter: makes the adapter of some configurations; none: the chart's default rules.
        interval_seconds: between two looks at the ConfigMaps.
    """

    def __init__(
        self,
        api: ApiServer,
        adapter: Callable[[Sequence[Document]], MetricsProvider],
        *,
        interval_seconds: float,
    ) -> None:
        self._api = api
        self._make = adapter
        self._interval_seconds = interval_seconds
        self._looked_at = -math.inf
        self._values: list[object] = []
        self._adapter = adapter([])

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name."""
        return self._current(now).pod_metrics(metric, namespace, pods, selector, now)

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one object."""
        adapter = self._current(now)
        return adapter.object_metric(metric, namespace, described, selector, now)

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        """Return the values of every series of an external metric."""
        return self._current(now).external_metrics(metric, namespace, selector, now)

    def _current(self, now: float) -> MetricsProvider:
        """Return the adapter with the rules that hold at `now`.

        Raises:
            MetricsError: if the API server does not answer.
        """
        if now - self._looked_at >= self._interval_seconds:
            documents = rules_in(self._config_maps(), _log)
            values: list[object] = [document.value for document in documents]
            if values != self._values:
                self._values, self._adapter = values, self._make(documents)
            self._looked_at = now
        return self._adapter

    def _config_maps(self) -> list[ApiObject]:
        try:
            return self._api.list(_CONFIG_MAPS)[0]
        except ApiUnavailable as error:
            raise internal_error(str(error)) from error


def _log(problem: str) -> None:
    print(f"left out: {problem}", file=sys.stderr, flush=True)  # noqa: T201 - the process' log
