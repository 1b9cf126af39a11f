"""Google's path: Managed Service for Prometheus read by custom-metrics-stackdriver-adapter.

The seam is `GoogleAdapter`: what the adapter would answer at a time. Facts from its source
(GoogleCloudPlatform/k8s-stackdriver, custom-metrics-stackdriver-adapter/pkg/adapter/translator):

- A request covers the last 5 minutes. A gauge is the newest point of each series in it, however
  old (ALIGN_NEXT_OLDER). Cloud Monitoring knows no staleness markers, so a deleted pod's last
  value stays in an External metric for 5 minutes. A counter is its rate over the last minute that
  has data (ALIGN_RATE, 60 s).
- Values are truncated to milli-units; a pod's series are added up.
- A value is stamped with the time of the request (an External one with its interval's end).
- A name without a descriptor, that is one of which nothing was ever written, is an error.

Which cluster a policy will run in is not in its manifests, so selectors on `project_id`,
`location` and `cluster` are taken as fulfilled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Requirement, Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.provider import to_milli
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, Series, TimeSeriesDatabase, View

PREFIX = "prometheus.googleapis.com"
REQUEST_WINDOW_SECONDS = 300.0
"""`--external-metrics-request-window`, which holds for custom metrics too."""

RATE_ALIGNMENT_SECONDS = 60.0
"""Alignment period of cumulative metrics, fixed in the adapter's main function."""

RESOURCE_LABELS = ("project_id", "location", "cluster", "namespace", "job", "instance")
"""Labels of the monitored resource `prometheus_target`; all others are the metric's."""

_ASSUMED = {f"resource.labels.{name}" for name in RESOURCE_LABELS[:3]}
_CUSTOM_PREFIXES = ("metric.labels.",)
_EXTERNAL_PREFIXES = (*_CUSTOM_PREFIXES, "resource.labels.", "metadata.")
_REDUCERS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "REDUCE_MEAN": lambda values: sum(values) / len(values),
    "REDUCE_MIN": min,
    "REDUCE_MAX": max,
    "REDUCE_SUM": sum,
    "REDUCE_COUNT": len,
}


@dataclass(frozen=True, slots=True)
class GoogleMetric:
    """A metric type of Managed Service for Prometheus: `name` as exposed, `kind` its suffix."""

    name: str
    kind: str

    @classmethod
    def parse(cls, metric: str) -> GoogleMetric | None:
        """Return what `prometheus.googleapis.com|NAME|KIND` names, None if it is another name."""
        parts = metric.replace("|", "/").split("/")
        return cls(parts[1], parts[2]) if len(parts) == 3 and parts[0] == PREFIX else None


class GoogleAdapter:
    """The adapter over a storage that Managed Service for Prometheus fills.

    Args:
        database: what was scraped.
        kinds: per exposed name whether it is a `gauge`, `counter` or `histogram`.
        delay_seconds: from a scrape to its visibility in Cloud Monitoring.
    """

    def __init__(
        self, database: TimeSeriesDatabase, kinds: Mapping[str, str], *, delay_seconds: float
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._delay_seconds = delay_seconds

    def pod_metrics(
        self,
        metric: str,
        namespace: str,
        pods: Sequence[str],
        selector: Selector,
        now: float,
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name.

        Raises:
            MetricsError: if the metric has no descriptor, or the selector is not allowed.
        """
        wanted = self._descriptor(metric)
        matchers, reducer = _matchers(selector, _CUSTOM_PREFIXES)
        if reducer is not None:
            raise MetricsError('Stackdriver returned incorrect resource type ""')
        totals: dict[str, int] = dict.fromkeys(pods, 0)
        found: set[str] = set()
        matchers.append(Matcher("namespace", "=", namespace))
        for series, value in self._points(wanted, matchers, now):
            pod = series.labels.get("pod", "")
            if pod in totals:
                totals[pod] += to_milli(value)
                found.add(pod)
        return {pod: total for pod, total in totals.items() if pod in found}

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one pod; the adapter serves no other kind of object.

        Raises:
            MetricsError: for another kind of object, or a pod without the metric.
        """
        resource = described.kind.lower() + "s"
        if resource != "pods":
            raise MetricsError(
                f'Operation: "Get namespaced metric by name for resource \\"{resource}\\"" '
                "is not implemented"
            )
        values = self.pod_metrics(metric, namespace, [described.name], selector, now)
        if described.name not in values:
            raise MetricsError(
                f'the server could not find the metric "{metric}" for pods "{described.name}"'
            )
        return values[described.name]

    def external_metrics(
        self,
        metric: str,
        namespace: str,  # noqa: ARG002 - Cloud Monitoring is asked for the whole project
        selector: Selector,
        now: float,
    ) -> Sequence[int]:
        """Return one value per series, or one in all if the selector names a reducer.

        Raises:
            MetricsError: if the metric has no descriptor, or the selector is not allowed.
        """
        wanted = self._descriptor(metric)
        matchers, reducer = _matchers(selector, _EXTERNAL_PREFIXES)
        values = [value for _, value in self._points(wanted, matchers, now)]
        if reducer is not None and values:
            values = [reducer(values)]
        return [to_milli(value) for value in values]

    def _descriptor(self, metric: str) -> GoogleMetric:
        wanted = GoogleMetric.parse(metric)
        if (
            wanted is None
            or not self._database.knows(wanted.name)
            or self._kinds.get(wanted.name, "gauge") != wanted.kind
        ):
            slashed = metric.replace("|", "/")
            raise MetricsError(f'the server could not find the descriptor for metric "{slashed}"')
        return wanted

    def _points(
        self, wanted: GoogleMetric, matchers: Sequence[Matcher], now: float
    ) -> list[tuple[Series, float]]:
        """Return the aligned newest point of every series that has one in the window."""
        view = self._database.at(now, self._delay_seconds)
        aligned = _rate if wanted.kind == "counter" else _newest
        points = []
        for series in self._database.select([Matcher(NAME_LABEL, "=", wanted.name), *matchers]):
            value = aligned(view, series)
            if value is not None:
                points.append((series, value))
        return points


def _newest(view: View, series: Series) -> float | None:
    point = view.newest(series, view.now, REQUEST_WINDOW_SECONDS)
    return None if point is None else point[1]


def _rate(view: View, series: Series) -> float | None:
    """Return the rate per second over the last minute that has data.

    The minute is counted back from the newest sample; its start is the newest sample at or
    before it, so that a minute with one sample still has a rate.
    """
    times, values = view.window(series, view.now, REQUEST_WINDOW_SECONDS)
    first = len(times) - 1
    while first > 0 and times[first] > times[-1] - RATE_ALIGNMENT_SECONDS:
        first -= 1
    if first == len(times) - 1 or not times:
        return None
    risen = 0.0
    for before, after in zip(values[first:], values[first + 1 :], strict=False):
        risen += after - before if after >= before else after
    return risen / (times[-1] - times[first])


def _matchers(
    selector: Selector, prefixes: tuple[str, ...]
) -> tuple[list[Matcher], Callable[[Sequence[float]], float] | None]:
    """Return a metric selector as matchers on our labels, and the reducer that it asks for."""
    matchers: list[Matcher] = []
    reducer = None
    for requirement in selector.requirements:
        if requirement.key == "reducer":
            reducer = _reducer(requirement)
        elif requirement.key == "resource.type" and "." in prefixes[-1]:
            matchers.extend(_resource_type(requirement))
        elif not requirement.key.startswith(prefixes):
            raise MetricsError(f'Metric label: "{requirement.key}" is not allowed')
        elif requirement.key not in _ASSUMED:
            matchers.append(_matcher(requirement))
    return matchers, reducer


def _reducer(requirement: Requirement) -> Callable[[Sequence[float]], float] | None:
    value = requirement.values[0] if requirement.values else ""
    if value == "REDUCE_NONE":
        return None
    if requirement.operator != "=" or value not in _REDUCERS:
        reason = f"Specified reducer is not supported: {value}"
        raise MetricsError(f'Metric label: "{reason}" is not allowed')
    return _REDUCERS[value]


def _resource_type(requirement: Requirement) -> list[Matcher]:
    fits = Requirement("type", requirement.operator, requirement.values).matches(
        {"type": "prometheus_target"}
    )
    return [] if fits else [Matcher(NAME_LABEL, "=", "")]


def _matcher(requirement: Requirement) -> Matcher:
    """Return one requirement as a matcher; `In` of several values becomes an alternation."""
    label = requirement.key.rpartition(".")[2]
    if requirement.operator == "exists":
        return Matcher(label, "!=", "")
    if requirement.operator == "!":
        raise MetricsError("Label selector with operator DoesNotExist is not allowed")
    negative = requirement.operator in ("!=", "notin")
    if len(requirement.values) == 1:
        return Matcher(label, "!=" if negative else "=", requirement.values[0])
    pattern = "|".join(re.escape(value) for value in requirement.values)
    return Matcher(label, "!~" if negative else "=~", pattern)
