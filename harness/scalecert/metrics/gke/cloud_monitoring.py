"""Cloud Monitoring over the series of a run: `StackdriverAdapter`'s other side.

What the collectors of Managed Service for Prometheus write (GoogleCloudPlatform/prometheus,
google/export), what Google Cloud collects by itself (`system_metrics`), and how the documented API
answers. Its own source is not public: what is assumed of it is listed in
docs/reference/gke-metric-path.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.gke.alignment import align
from scalecert.metrics.gke.monitored_resources import (
    K8S_CONTAINER,
    PROMETHEUS_TARGET,
    MonitoredResource,
)
from scalecert.metrics.gke.names import GoogleMetric
from scalecert.metrics.gke.reducers import reduce_values
from scalecert.metrics.gke.request import Condition, Descriptor, TimeSeriesRequest
from scalecert.metrics.gke.response import TimeSeries
from scalecert.metrics.gke.system_metrics import SystemStore
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, Series, TimeSeriesDatabase

_METRIC_LABELS = "metric.labels."
_RESOURCE_LABELS = "resource.labels."
_POD_FIELDS = ("metric.labels.pod", "resource.labels.pod_name")
_NOTHING = Matcher(NAME_LABEL, "=", "")
_PARTS = ("_bucket", "_sum", "_count")

_GAUGE = Descriptor("GAUGE", "DOUBLE")
_CUMULATIVE = Descriptor("CUMULATIVE", "DOUBLE")
_DISTRIBUTION = Descriptor("CUMULATIVE", "DISTRIBUTION")
_DESCRIPTORS = {
    ("gauge", "gauge"): _GAUGE,
    ("counter", "counter"): _CUMULATIVE,
    ("unknown", "unknown"): _GAUGE,
    ("unknown", "unknown:counter"): _CUMULATIVE,
    ("summary", "summary"): _GAUGE,
}
"""By the kind exposed and the suffix of the metric type (`populate` in series_cache.go)."""

_SUMMARY_PARTS = {
    ("_sum", "summary:counter"): _CUMULATIVE,
    ("_count", "summary"): _CUMULATIVE,
}


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where the series of one metric type lie: `name` there, and the metric's labels if known."""

    database: TimeSeriesDatabase
    name: str
    resource: MonitoredResource
    delay_seconds: float
    whole: bool = False
    labels: tuple[str, ...] | None = None


class CloudMonitoring:
    """Cloud Monitoring as a `Monitoring`.

    Args:
        database: what was scraped.
        kinds: per exposed name `gauge`, `counter`, `summary`, `histogram` or `unknown`; parts of
            histograms and summaries are `counter` there.
        delay_seconds: from a scrape to its visibility.
        system: what Google Cloud collects by itself; None if nothing of it is read.
    """

    def __init__(
        self,
        database: TimeSeriesDatabase,
        kinds: Mapping[str, str],
        *,
        delay_seconds: float,
        system: SystemStore | None = None,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._delay_seconds = delay_seconds
        self._system = system

    def describe(self, project: str, metric_type: str) -> Descriptor | None:  # noqa: ARG002
        """Return a metric type's descriptor, which is there once anything was written.

        Descriptors outlive their series. Those that an earlier deployment left in a project are
        not known here.
        """
        metric = GoogleMetric.parse(metric_type)
        if metric is None:
            return self._system.describe(metric_type) if self._system is not None else None
        if metric.kind == "histogram":
            parts = [f"{metric.name}{part}" for part in _PARTS]
            written = self._is_histogram(metric.name) and any(map(self._database.knows, parts))
            return _DISTRIBUTION if written else None
        if not self._database.knows(metric.name):
            return None
        for part in _PARTS:
            family = metric.name.removesuffix(part)
            if family != metric.name and self._is_histogram(family):
                return None  # all of it is in the family's one distribution
            if family != metric.name and self._kinds.get(family) == "summary":
                return _SUMMARY_PARTS.get((part, metric.kind))
        return _DESCRIPTORS.get((self._kinds.get(metric.name, "gauge"), metric.kind))

    def list_time_series(self, request: TimeSeriesRequest, now: float) -> Sequence[TimeSeries]:
        """Return the series of a request with their newest aligned points.

        There are no staleness markers: the last point of a pod that is gone counts until the
        interval has left it behind.

        Raises:
            MetricsError: for a filter that no series can ever fit, or a reducer of booleans.
        """
        stored = self._stored(request.conditions)
        if stored is None:
            return []
        found = _points(request, stored, now)
        resource = stored.resource.type
        if request.reducer in ("", "REDUCE_NONE"):
            # Labels of the resource and of the metric never share a name: one mapping is both.
            return [
                TimeSeries(resource, series.labels, series.labels, value) for series, value in found
            ]
        if not found:
            return []
        value = reduce_values(request.reducer, [value for _, value in found])
        # Grouped by nothing, only the resource's type is left of the labels.
        return [TimeSeries(resource, {}, {}, value)]

    def _stored(self, conditions: Sequence[Condition]) -> _Stored | None:
        """Return where the series of a request's metric lie, None if there is no such metric."""
        metric_type = next((one.values[0] for one in conditions if one.field == "metric.type"), "")
        metric = GoogleMetric.parse(metric_type)
        if metric is not None:
            return _Stored(self._database, metric.name, PROMETHEUS_TARGET, self._delay_seconds)
        if self._system is None or self._system.describe(metric_type) is None:
            return None
        return _Stored(
            self._system.database,
            metric_type,
            K8S_CONTAINER,
            self._delay_seconds + self._system.late_seconds(metric_type),
            whole=self._system.is_whole(metric_type),
            labels=self._system.label_names(metric_type),
        )

    def _is_histogram(self, family: str) -> bool:
        return self._kinds.get(f"{family}_bucket") == "counter"


def _points(
    request: TimeSeriesRequest, stored: _Stored, now: float
) -> list[tuple[Series, int | float]]:
    """Return the series that fit with their newest aligned points, in order of creation."""
    view = stored.database.at(now, stored.delay_seconds)
    window_seconds = request.end_seconds - request.start_seconds
    found: list[tuple[Series, int | float]] = []
    for series in _select(stored, request.conditions):
        points = view.window(series, request.end_seconds, window_seconds)
        value = align(request, *points)
        if value is not None:
            found.append((series, int(value) if stored.whole else value))
    return found


def _select(stored: _Stored, conditions: Sequence[Condition]) -> Sequence[Series]:
    """Return the series that fit, in order of creation."""
    matchers: list[Matcher] = []
    pods: frozenset[str] | None = None
    of_cluster = {_RESOURCE_LABELS + name for name in stored.resource.of_cluster}
    for one in conditions:
        if one.field == "resource.type":
            if not _names_type(one, stored.resource):
                return ()
        elif one.field == "metric.type" or one.field in of_cluster:
            continue
        elif one.field in _POD_FIELDS and one.operator in ("=", "one_of"):
            # Not a matcher: these change with every pod, and selections are kept.
            _matcher(one, stored.resource)
            pods = frozenset(one.values) if pods is None else pods & frozenset(one.values)
        else:
            matchers.append(_matcher(one, stored.resource))
    name = Matcher(NAME_LABEL, "=", stored.name)
    _require_labels(stored, name, conditions)
    series = stored.database.select([name, *matchers])
    if pods is not None:
        label = "pod" if stored.resource is PROMETHEUS_TARGET else "pod_name"
        series = tuple(one for one in series if one.labels.get(label) in pods)
    return series


def _require_labels(stored: _Stored, name: Matcher, conditions: Sequence[Condition]) -> None:
    """Refuse labels that the metric lacks: its descriptor's, else those that any series has.

    Raises:
        MetricsError: as Cloud Monitoring answers (k8s-stackdriver, issue 771).
    """
    asked = {
        one.values[0] if one.operator == "has" else one.field.removeprefix(_METRIC_LABELS)
        for one in conditions
        if one.field.startswith("metric.labels")
    }
    there = stored.labels
    if there is None:
        series = stored.database.select([name])
        there = tuple({label for one in series for label in one.labels}) if series else None
    missing = sorted(
        label
        for label in asked
        if there is not None and (label in stored.resource.labels or label not in there)
    )
    if missing:
        metric_type = next(one.values[0] for one in conditions if one.field == "metric.type")
        labels = " ".join(f"label = {label}" for label in missing)
        raise MetricsError(
            f'googleapi: Error 404: Cannot find metric(s) that match type = "{metric_type}" '
            f"{labels}. If a metric was created recently, it could take up to 10 minutes to "
            "become available. Please try again soon., notFound"
        )


def _names_type(condition: Condition, resource: MonitoredResource) -> bool:
    """Tell whether a condition on the resource's type holds.

    Raises:
        MetricsError: if it names none that the metric could be written for.
    """
    negative = condition.operator in ("!=", "not one_of")
    if (resource.type in condition.values) is not negative:
        return True
    if not negative and set(condition.values) & set(resource.kin):
        return False
    raise _no_such_combination()


def _matcher(condition: Condition, resource: MonitoredResource) -> Matcher:
    """Return a condition on a label as a matcher on ours; a label that is missing is empty."""
    kind, _, label = condition.field.rpartition(".")
    if condition.operator == "has":
        kind, label = condition.field, condition.values[0]
    if kind.startswith("metadata"):
        if not resource.described:
            return _NOTHING  # of a scraped target nothing of the kind is recorded
        label = f"{kind}.{label}"
    if kind == "resource.labels" and label not in resource.labels:
        raise _no_such_combination()
    if condition.operator == "has":
        return Matcher(label, "!=", "")
    if condition.operator in (">", "<"):
        raise MetricsError("googleapi: Error 400: a label of type STRING can't be compared so")
    if condition.operator in ("=", "!="):
        return Matcher(label, condition.operator, condition.values[0])
    pattern = "|".join(re.escape(value) for value in condition.values)
    return Matcher(label, "=~" if condition.operator == "one_of" else "!~", pattern)


def _no_such_combination() -> MetricsError:
    """Return the answer to a resource, or a label of one, that the metric does not have."""
    return MetricsError(
        "googleapi: Error 400: The supplied filter does not specify a valid combination of metric "
        "and monitored resource descriptors. The query will not return any time series., "
        "badRequest"
    )
