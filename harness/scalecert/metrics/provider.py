"""What a metrics adapter offers to the API server: the seam between adapters and the HPA's client.

`gke.GoogleAdapter` and `adapter.PrometheusAdapter` are the two implementations. Values are whole
milli-units, stamped with the time of the request, as both adapters do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference

_TWO_TO_63 = 2.0**63


def metric_not_found(metric: str, resource: str, name: str | None = None) -> MetricsError:
    """Return the NotFound answer of custom-metrics-apiserver (`provider/errors.go`)."""
    of = f" {name}" if name else ""
    return MetricsError(f"the server could not find the metric {metric} for {resource}{of}")


def to_milli(value: float) -> int:
    """Return a value in whole milli-units, truncated as both adapters do.

    NaN is 0. What int64 can't hold, infinity included, is its minimum: Go's conversion on amd64.
    """
    if math.isnan(value):
        return 0
    milli = value * 1000.0
    return int(milli) if -_TWO_TO_63 <= milli < _TWO_TO_63 else -(2**63)


def to_milliseconds(seconds: float) -> int:
    """Return a time of the run in whole milliseconds, the HPA's unit."""
    return round(seconds * 1000.0)


class MetricsProvider(Protocol):
    """The custom and external metrics APIs as one adapter serves them.

    Every method raises `MetricsError` with the API server's message where the adapter answers with
    an error.
    """

    def pod_metrics(
        self,
        metric: str,
        namespace: str,
        pods: Sequence[str],
        selector: Selector,
        now: float,
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name."""
        ...

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one object."""
        ...

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        """Return the values of every series of an external metric."""
        ...
