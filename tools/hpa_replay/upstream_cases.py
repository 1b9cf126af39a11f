"""What the records of upstream's tests have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from scalecert.hpa.metrics.client import ExternalMetricValue, MetricValue, PodMetrics
from scalecert.hpa.pod_groups import ReadinessPeriods
from scalecert.hpa.pods import ZERO_TIME_MS
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.scalars import decode_hook

# a test looks at the clock a moment after it has written down its times
NOW_MS = 1
PERIODS = ReadinessPeriods(cpu_initialization_ms=120_000, initial_readiness_delay_ms=10_000)
TOLERANCE = 0.1
SCALE_UP_LIMIT_FACTOR = 8.0
WINDOW_MS = 60_000
CONTAINERS = ("container1", "container2")

_Case = TypeVar("_Case")
_Item = TypeVar("_Item")


class Offset(msgspec.Struct, frozen=True):
    """A time, as seconds from the test's start."""

    offset_s: float

    @property
    def milliseconds(self) -> int:
        """The time on the clock of the replay, whose zero is the test's start."""
        return round(self.offset_s * 1000)


def time_ms(offset: Offset | None) -> int:
    """Return the time; a dropped one is the zero time."""
    return ZERO_TIME_MS if offset is None else offset.milliseconds


def decode(case: msgspec.Raw, kind: type[_Case]) -> _Case:
    """Read a case."""
    return msgspec.json.decode(case, type=kind, dec_hook=decode_hook)


def at(items: Sequence[_Item], index: int, default: _Item) -> _Item:
    """Return an item, or what the tests assume where the list is shorter or dropped."""
    return items[index] if index < len(items) else default


def pod_name(index: int) -> str:
    """Return the name of a pod in the tests."""
    return f"test-pod-{index}"


class FakeMetricsApi:
    """The fake metrics APIs of the tests: one level per pod, object or series.

    Args:
        pod_metrics: the answer of the resource metrics API.
        levels: the answers of the others.
        timestamp_ms: of those.
    """

    def __init__(
        self, pod_metrics: list[PodMetrics], levels: Sequence[int], timestamp_ms: int
    ) -> None:
        self._pod_metrics, self._levels, self._timestamp_ms = pod_metrics, levels, timestamp_ms

    def list_pod_metrics(self, namespace: str, selector: Selector) -> list[PodMetrics]:
        """Return the answer given."""
        del namespace, selector
        return self._pod_metrics

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> list[MetricValue]:
        """Return one level per pod."""
        del metric_name, namespace, selector, metric_selector
        return [
            MetricValue(pod_name(index), level, self._timestamp_ms)
            for index, level in enumerate(self._levels)
        ]

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        """Return the first level."""
        del metric_name, namespace, metric_selector
        return MetricValue(object_ref.name, self._levels[0], self._timestamp_ms)

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> list[ExternalMetricValue]:
        """Return all levels."""
        del metric_name, namespace, selector
        return [ExternalMetricValue(level, self._timestamp_ms) for level in self._levels]
