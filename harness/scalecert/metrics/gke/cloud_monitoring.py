"""Cloud Monitoring over the series of a run: `StackdriverAdapter`'s other side.

What the collectors of Managed Service for Prometheus write (GoogleCloudPlatform/prometheus,
google/export), what Google Cloud collects by itself (`system_metrics`), and how the documented API
answers. Its own source is not public: what is assumed of it is listed in
docs/reference/gke-metric-path.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.metrics.gke.alignment import align
from scalecert.metrics.gke.monitored_resources import PROMETHEUS_TARGET
from scalecert.metrics.gke.names import GoogleMetric
from scalecert.metrics.gke.reducers import reduce_values
from scalecert.metrics.gke.request import Condition, Descriptor, TimeSeriesRequest
from scalecert.metrics.gke.response import TimeSeries
from scalecert.metrics.gke.stored_metric import StoredMetric
from scalecert.metrics.gke.system_metrics import SystemStore
from scalecert.metrics.tsdb import Series, TimeSeriesDatabase

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

    def _stored(self, conditions: Sequence[Condition]) -> StoredMetric | None:
        """Return where the series of a request's metric lie, None if there is no such metric."""
        metric_type = next((one.values[0] for one in conditions if one.field == "metric.type"), "")
        metric = GoogleMetric.parse(metric_type)
        if metric is not None:
            return StoredMetric(self._database, metric.name, PROMETHEUS_TARGET, self._delay_seconds)
        if self._system is None:
            return None
        return self._system.stored(metric_type, self._delay_seconds)

    def _is_histogram(self, family: str) -> bool:
        return self._kinds.get(f"{family}_bucket") == "counter"


def _points(
    request: TimeSeriesRequest, stored: StoredMetric, now: float
) -> list[tuple[Series, int | float]]:
    """Return the series that fit with their newest aligned points, in order of creation."""
    view = stored.database.at(now, stored.delay_seconds)
    window_seconds = request.end_seconds - request.start_seconds
    found: list[tuple[Series, int | float]] = []
    for series in stored.select(request.conditions):
        points = view.window(series, request.end_seconds, window_seconds)
        value = align(request, *points)
        if value is not None:
            found.append((series, int(value) if stored.whole else value))
    return found
