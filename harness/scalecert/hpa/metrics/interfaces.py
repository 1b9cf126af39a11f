"""What the replica calculator asks for metrics through.

All values are milli-units in int64 (memory: milli-bytes), all times integer milliseconds of the
caller's clock.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from scalecert.errors import ScaleCertError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference


class MetricsError(ScaleCertError):
    """A metric could not be had or used; the text is what the HPA's condition will say."""


class PodMetric(msgspec.Struct, frozen=True):
    """One pod's value: taken over `window_ms` until `timestamp_ms`."""

    value_milli: int
    timestamp_ms: int
    window_ms: int


PodMetricsInfo = dict[str, PodMetric]


class MetricsClient(Protocol):
    """The controller's view of the three metrics APIs.

    Each method raises MetricsError where the API fails or has nothing to give. `selector` selects
    pods, `metric_selector` series; dictionaries are the caller's to keep and change.
    """

    def get_resource_metric(
        self, resource: str, namespace: str, selector: Selector, container: str
    ) -> tuple[PodMetricsInfo, int]:
        """Return usage per pod name, of one container or (`container` empty) of whole pods."""
        ...

    def get_raw_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> tuple[PodMetricsInfo, int]:
        """Return a custom metric per pod name."""
        ...

    def get_object_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> tuple[int, int]:
        """Return a custom metric of one object."""
        ...

    def get_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> tuple[list[int], int]:
        """Return the values of all series that match."""
        ...
