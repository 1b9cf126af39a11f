"""Google's path over a real Prometheus: what the collectors would have sent to Cloud Monitoring.

    Prometheus -> samples of the last minutes -> TimeSeriesDatabase -> GoogleAdapter

Cloud Monitoring can't be had on this machine. What it does with the samples is the same code that
a simulated run has; they are copied from Prometheus when a metric is asked for. The copy counts
time in seconds of the run (`time lapse x unix seconds`), so that the adapter's window and
alignment periods are what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.gke import REQUEST_WINDOW_SECONDS, GoogleAdapter, GoogleMetric
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.gke.response import internal_error
from scalecert.metrics.promql import EvaluationError
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, TimeSeriesDatabase
from scalecert.worlds.local.metrics_apis.http_prometheus import SampleSource
from scalecert.worlds.local.metrics_apis.system_samples import SystemSamples

_WHOLE_RUN_SECONDS: Final = 86_400.0
"""How far back a metric is looked for at first: a descriptor outlives its series."""


class ManagedPrometheus:
    """custom-metrics-stackdriver-adapter over what a Prometheus has scraped.

    Args:
        source: that Prometheus.
        kinds: per exposed name whether it is a `gauge`, `counter` or the like.
        delay_seconds: from a scrape to its visibility, in seconds of the run.
        time_lapse: seconds of the run in one of the clock.
        system: what Google Cloud collects by itself; None if nothing of it is read.
    """

    def __init__(
        self,
        source: SampleSource,
        kinds: Mapping[str, str],
        *,
        delay_seconds: float,
        time_lapse: int,
        system: SystemSamples | None = None,
    ) -> None:
        self._source = source
        self._time_lapse = time_lapse
        self._reach_seconds = REQUEST_WINDOW_SECONDS + delay_seconds
        self._database = TimeSeriesDatabase(self._reach_seconds)
        self._system = system
        self._adapter = GoogleAdapter(
            self._database,
            kinds,
            delay_seconds=delay_seconds,
            system=None if system is None else system.store,
        )
        self._copied: set[str] = set()

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name."""
        run_time = self._copy(metric, now)
        return self._adapter.pod_metrics(metric, namespace, pods, selector, run_time)

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one pod."""
        run_time = self._copy(metric, now)
        return self._adapter.object_metric(metric, namespace, described, selector, run_time)

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        """Return one value per series, or one in all if the selector names a reducer."""
        run_time = self._copy(metric, now)
        return self._adapter.external_metrics(metric, namespace, selector, run_time)

    def _copy(self, metric: str, now: float) -> float:
        """Bring the copy of a metric's samples up to date; return `now` as it counts.

        Raises:
            MetricsError: if Prometheus does not answer.
        """
        try:
            self._copy_samples(metric, now)
        except EvaluationError as error:
            raise internal_error(str(error)) from error
        run_time = now * self._time_lapse
        self._database.prune(run_time)
        return run_time

    def _copy_samples(self, metric: str, now: float) -> None:
        google = GoogleMetric.parse(metric)
        if google is not None:
            self._copy_series(_stored_name(google), now)
        elif self._system is not None:
            self._system.copy(external_metric_type(metric), now)

    def _copy_series(self, name: str, now: float) -> None:
        reach = self._reach_seconds / self._time_lapse
        span = reach if name in self._copied else _WHOLE_RUN_SECONDS
        found = self._source.samples([Matcher(NAME_LABEL, "=", name)], now, span)
        if found:
            self._copied.add(name)
        for one in found:
            series = self._database.series(one.labels)
            for time, value in zip(one.times, one.values, strict=True):
                series.append(time * self._time_lapse, value)


def _stored_name(metric: GoogleMetric) -> str:
    """Return the series to copy: of a histogram, no value can be had, only that it exists."""
    return f"{metric.name}_count" if metric.kind == "histogram" else metric.name
