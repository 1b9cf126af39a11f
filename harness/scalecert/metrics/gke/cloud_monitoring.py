"""Cloud Monitoring over the series that a run scrapes: `StackdriverAdapter`'s other side.

What the collectors of Managed Service for Prometheus write (GoogleCloudPlatform/prometheus,
google/export) and how the documented API answers. Its own source is not public: what is assumed of
it is listed in docs/reference/gke-metric-path.md.

Which cluster a policy will run in is not in its manifests, so conditions on `project_id`,
`location` and `cluster` are taken as fulfilled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.gke.alignment import align
from scalecert.metrics.gke.names import RESOURCE_LABELS, GoogleMetric
from scalecert.metrics.gke.reducers import reduce_values
from scalecert.metrics.gke.request import Condition, Descriptor, TimeSeriesRequest
from scalecert.metrics.gke.response import TimeSeries
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, Series, TimeSeriesDatabase

_RESOURCE_TYPE = "prometheus_target"
_CLUSTER_FIELDS = frozenset(f"resource.labels.{name}" for name in RESOURCE_LABELS[:3])
_METRIC_LABELS = "metric.labels."
_POD_FIELD = "metric.labels.pod"
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


class CloudMonitoring:
    """Cloud Monitoring as a `Monitoring`.

    Args:
        database: what was scraped.
        kinds: per exposed name `gauge`, `counter`, `summary`, `histogram` or `unknown`; parts of
            histograms and summaries are `counter` there.
        delay_seconds: from a scrape to its visibility.
    """

    def __init__(
        self, database: TimeSeriesDatabase, kinds: Mapping[str, str], *, delay_seconds: float
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._delay_seconds = delay_seconds

    def describe(self, project: str, metric_type: str) -> Descriptor | None:  # noqa: ARG002
        """Return a metric type's descriptor, which is there once anything was written.

        Descriptors outlive their series. Those that an earlier deployment left in a project are
        not known here.
        """
        metric = GoogleMetric.parse(metric_type)
        if metric is None:
            return None
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
        view = self._database.at(now, self._delay_seconds)
        window_seconds = request.end_seconds - request.start_seconds
        found: list[tuple[Series, float]] = []
        for series in self._select(request.conditions):
            points = view.window(series, request.end_seconds, window_seconds)
            value = align(request, *points)
            if value is not None:
                found.append((series, value))
        if request.reducer in ("", "REDUCE_NONE"):
            # Labels of the resource and of the metric never share a name: one mapping is both.
            return [
                TimeSeries(_RESOURCE_TYPE, series.labels, series.labels, value)
                for series, value in found
            ]
        if not found:
            return []
        value = reduce_values(request.reducer, [value for _, value in found])
        # Grouped by nothing, only the resource's type is left of the labels.
        return [TimeSeries(_RESOURCE_TYPE, {}, {}, value)]

    def _is_histogram(self, family: str) -> bool:
        return f"{family}_bucket" in self._kinds

    def _select(self, conditions: Sequence[Condition]) -> Sequence[Series]:
        """Return the series that fit, in order of creation."""
        metric_type = ""
        matchers: list[Matcher] = []
        pods: frozenset[str] | None = None
        for one in conditions:
            if one.field == "metric.type":
                metric_type = one.values[0]
            elif one.field == "resource.type":
                _require_scraped_target(one)
            elif one.field in _CLUSTER_FIELDS:
                continue
            elif one.field == _POD_FIELD and one.operator in ("=", "one_of"):
                # Not a matcher: these change with every pod, and selections are kept.
                pods = frozenset(one.values) if pods is None else pods & frozenset(one.values)
            else:
                matchers.append(_matcher(one))
        metric = GoogleMetric.parse(metric_type)
        if metric is None:
            return ()
        name = Matcher(NAME_LABEL, "=", metric.name)
        self._require_labels(metric_type, name, conditions)
        series = self._database.select([name, *matchers])
        if pods is not None:
            series = tuple(one for one in series if one.labels.get("pod") in pods)
        return series

    def _require_labels(
        self, metric_type: str, name: Matcher, conditions: Sequence[Condition]
    ) -> None:
        """Refuse labels that no series of the metric has: no descriptor says that they exist.

        Raises:
            MetricsError: as Cloud Monitoring answers (k8s-stackdriver, issue 771).
        """
        asked = {
            one.values[0] if one.operator == "has" else one.field.removeprefix(_METRIC_LABELS)
            for one in conditions
            if one.field.startswith("metric.labels")
        }
        series = self._database.select([name])
        missing = sorted(
            label
            for label in asked
            if label in RESOURCE_LABELS or not any(label in one.labels for one in series)
        )
        if series and missing:
            labels = " ".join(f"label = {label}" for label in missing)
            raise MetricsError(
                f'googleapi: Error 404: Cannot find metric(s) that match type = "{metric_type}" '
                f"{labels}. If a metric was created recently, it could take up to 10 minutes to "
                "become available. Please try again soon., notFound"
            )


def _require_scraped_target(condition: Condition) -> None:
    negative = condition.operator in ("!=", "not one_of")
    if (_RESOURCE_TYPE in condition.values) is negative:
        raise _no_such_combination()


def _matcher(condition: Condition) -> Matcher:
    """Return a condition on a label as a matcher on ours; a label that is missing is empty."""
    kind, _, label = condition.field.rpartition(".")
    if condition.operator == "has":
        kind, label = condition.field, condition.values[0]
    if kind.startswith("metadata"):
        return _NOTHING  # of a scraped target nothing of the kind is recorded
    if kind == "resource.labels" and label not in RESOURCE_LABELS:
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
