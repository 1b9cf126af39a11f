"""One metric type's series in a run's storage, and which of them a request's filter selects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.gke.monitored_resources import PROMETHEUS_TARGET, MonitoredResource
from scalecert.metrics.gke.request import Condition
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, Series, TimeSeriesDatabase

_METRIC_LABELS = "metric.labels."
_RESOURCE_LABELS = "resource.labels."
_POD_FIELDS = ("metric.labels.pod", "resource.labels.pod_name")
_NOTHING = Matcher(NAME_LABEL, "=", "")


@dataclass(frozen=True, slots=True)
class StoredMetric:
    """Where the series of one metric type lie, and how they are read.

    Attributes:
        database: which has them.
        name: under which they are there.
        resource: what they are series of.
        delay_seconds: until a sample is visible.
        whole: whether values are INT64.
        labels: the metric's, as its descriptor has them; None: those that any series has.
    """

    database: TimeSeriesDatabase
    name: str
    resource: MonitoredResource
    delay_seconds: float
    whole: bool = False
    labels: tuple[str, ...] | None = None

    def select(self, conditions: Sequence[Condition]) -> Sequence[Series]:
        """Return the series that fit a request's filter, in order of creation.

        Raises:
            MetricsError: for a filter that no series can ever fit.
        """
        matchers: list[Matcher] = []
        pods: frozenset[str] | None = None
        of_cluster = {_RESOURCE_LABELS + name for name in self.resource.of_cluster}
        for one in conditions:
            if one.field == "resource.type":
                if not _names_type(one, self.resource):
                    return ()
            elif one.field == "metric.type" or one.field in of_cluster:
                continue
            elif one.field in _POD_FIELDS and one.operator in ("=", "one_of"):
                # Not a matcher: these change with every pod, and selections are kept.
                _matcher(one, self.resource)
                pods = frozenset(one.values) if pods is None else pods & frozenset(one.values)
            else:
                matchers.append(_matcher(one, self.resource))
        name = Matcher(NAME_LABEL, "=", self.name)
        self._require_labels(name, conditions)
        series = self.database.select([name, *matchers])
        if pods is not None:
            label = "pod" if self.resource is PROMETHEUS_TARGET else "pod_name"
            series = tuple(one for one in series if one.labels.get(label) in pods)
        return series

    def _require_labels(self, name: Matcher, conditions: Sequence[Condition]) -> None:
        """Refuse labels that the metric lacks: its descriptor's, else those that any series has.

        Raises:
            MetricsError: as Cloud Monitoring answers (k8s-stackdriver, issue 771).
        """
        asked = {
            one.values[0] if one.operator == "has" else one.field.removeprefix(_METRIC_LABELS)
            for one in conditions
            if one.field.startswith("metric.labels")
        }
        there = self.labels
        if there is None:
            series = self.database.select([name])
            there = tuple({label for one in series for label in one.labels}) if series else None
        missing = sorted(
            label
            for label in asked
            if there is not None and (label in self.resource.labels or label not in there)
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
