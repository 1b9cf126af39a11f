"""Averages over pods and their ratio to the target (metrics/utilization.go).

Utilization is a whole percent and averages are whole milli-units before any ratio is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scalecert.hpa.arithmetic import float_quotient, truncated_quotient, wrap_int32, wrap_int64
from scalecert.hpa.metrics.interfaces import MetricsError, PodMetric


class ResourceUtilization(NamedTuple):
    """Usage as a share of requests, over the pods that have both."""

    ratio: float
    """utilization / target"""
    utilization_percent: int
    average_milli: int


def get_resource_utilization_ratio(
    metrics: Mapping[str, PodMetric], requests: Mapping[str, int], target_percent: int
) -> ResourceUtilization:
    """Return utilization against `target_percent`; pods without a request (ghosts) don't count.

    Args:
        metrics: usage per pod name.
        requests: requests per pod name, milli-units.
        target_percent: the target utilization.

    Raises:
        MetricsError: the requests of the pods that have metrics sum to zero.
    """
    known = [name for name in metrics if name in requests]
    total = wrap_int64(sum(metrics[name].value_milli for name in known))
    requested = wrap_int64(sum(requests[name] for name in known))
    if requested == 0:
        raise MetricsError("no metrics returned matched known pods")
    utilization = wrap_int32(truncated_quotient(wrap_int64(total * 100), requested))
    return ResourceUtilization(
        float_quotient(float(utilization), float(target_percent)),
        utilization,
        truncated_quotient(total, len(known)),
    )


def get_metric_usage_ratio(
    metrics: Mapping[str, PodMetric], target_milli: int
) -> tuple[float, int]:
    """Return (average / target, average in milli-units) over all metrics, ghosts included."""
    total = wrap_int64(sum(metric.value_milli for metric in metrics.values()))
    average = truncated_quotient(total, len(metrics))
    return float_quotient(float(average), float(target_milli)), average
