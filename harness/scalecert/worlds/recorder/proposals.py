"""What each metric of the HPA asked for in a sync.

The controller only tells the highest. So its own arithmetic (`scalecert.hpa`, a port that is tested
against it) is done again on what it was answered and on the pods that it saw; what comes out as the
highest is held against what it told.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.metric_computation import Replicas
from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    ExternalMetricValue,
    MetricValue,
    PodMetrics,
    RestMetricsClient,
)
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.metrics_computation import compute_replicas_for_metrics
from scalecert.hpa.pods import Pod
from scalecert.hpa.replica_calculator import ReplicaCalculator
from scalecert.hpa.selectors import Selector, parse_selector
from scalecert.hpa.status import HorizontalPodAutoscalerStatus
from scalecert.hpa.sync import NO_FAULTS, NO_TIME_TAKEN, SyncError, SyncNotes
from scalecert.hpa.types import (
    CrossVersionObjectReference,
    HorizontalPodAutoscalerSpec,
    MetricSourceType,
    MetricSpec,
)
from scalecert.worlds.recorder.logs import AnsweredValue, MetricsAnswer
from scalecert.worlds.recorder.syncs import Sync

_APIS = {
    MetricSourceType.EXTERNAL: "external",
    MetricSourceType.RESOURCE: "resource",
    MetricSourceType.CONTAINER_RESOURCE: "resource",
}

_NOTHING = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the metrics of a sync said: `highest` is what they ask for together, None for an error.

    `metrics` are (value in the target's unit, proposed replicas), NaN where there is none.
    """

    metrics: tuple[tuple[float, float], ...]
    highest: int | None


@dataclass(frozen=True, slots=True)
class Proposals:
    """Does the arithmetic of one HPA again.

    Args:
        key: its `namespace/name`.
        spec: its spec, with defaults.
        config: the controller's flags, in seconds of the clock.
        selector: of the scaled object's pods.
    """

    key: str
    spec: HorizontalPodAutoscalerSpec
    config: HorizontalControllerConfig
    selector: str

    def of(self, sync: Sync, pods: Sequence[Pod], status_replicas: int) -> Figures:
        """Return the figures of a sync.

        Args:
            sync: the sync.
            pods: of the namespace, as the controller saw them.
            status_replicas: of the scaled object.
        """
        if not sync.answers:
            return Figures((_NOTHING,) * len(self.spec.metrics), None)
        now_ms = round(sync.time_unix * 1000)
        status = HorizontalPodAutoscalerStatus(current_replicas=sync.before)
        notes = SyncNotes(self.key, self.spec, status, NO_TIME_TAKEN, NO_FAULTS, now_ms, [])
        replicas = Replicas(sync.before, status_replicas)
        calculator = self._calculator(sync.answers, pods, notes.namespace)
        highest = None
        with suppress(SyncError):
            highest = compute_replicas_for_metrics(notes, replicas, calculator).replicas
        return Figures(self._figures(notes), highest)

    def _figures(self, notes: SyncNotes) -> tuple[tuple[float, float], ...]:
        figures = [_NOTHING] * len(self.spec.metrics)
        for index, proposal in enumerate(notes.proposals):
            value = proposal.value(self.spec.metrics[index].target.type)
            if value is not None and proposal.replicas is not None:
                figures[index] = (value, float(proposal.replicas))
        return tuple(figures)

    def _calculator(
        self, answers: Sequence[MetricsAnswer], pods: Sequence[Pod], namespace: str
    ) -> ReplicaCalculator:
        selector = parse_selector(self.selector)
        return ReplicaCalculator(
            RestMetricsClient(_Answered(self.spec.metrics, answers)),
            [pod for pod in pods if selector.matches(pod.labels)],
            namespace,
            selector,
            HorizontalController(self.config).tolerances_for_hpa(self.spec),
            self.config.readiness_periods,
            self.config.pod_level_resources,
        )


class _Answered:
    """The metrics APIs as they answered in one sync (`hpa.metrics.client.MetricsApi`).

    The controller asks for each metric of the spec in turn, which tells two of one name apart.
    Where a client asked again after an error, the last answer counts.
    """

    def __init__(self, metrics: Sequence[MetricSpec], answers: Sequence[MetricsAnswer]) -> None:
        wanted: dict[tuple[str, str], int] = defaultdict(int)
        for metric in metrics:
            wanted[_asked(metric)] += 1
        self._answers = {
            key: [one for one in answers if (one.api, one.metric.lower()) == key][-count:]
            for key, count in wanted.items()
        }

    def list_pod_metrics(self, namespace: str, selector: Selector) -> list[PodMetrics]:
        """Return the usage of the pods."""
        del namespace, selector
        answer = self._next("resource", "")
        pods: dict[str, list[AnsweredValue]] = defaultdict(list)
        for value in answer.values:
            pods[value.name].append(value)
        return [
            PodMetrics(
                name,
                _stamp_ms(values[0], answer),
                round(1000 * (values[0].window or 0.0)),
                [ContainerMetrics(value.container, value.usage) for value in values],
            )
            for name, values in pods.items()
        ]

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> list[MetricValue]:
        """Return a custom metric of the pods."""
        del namespace, selector, metric_selector
        answer = self._next("custom", metric_name)
        return [_custom(value, answer) for value in answer.values]

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        """Return a custom metric of one object."""
        del namespace, object_ref, metric_selector
        answer = self._next("custom", metric_name)
        if not answer.values:
            raise MetricsError("the metrics API did not return exactly one value")
        return _custom(answer.values[0], answer)

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> list[ExternalMetricValue]:
        """Return the series of an external metric."""
        del namespace, selector
        answer = self._next("external", metric_name)
        return [
            ExternalMetricValue(value.milli, _stamp_ms(value, answer)) for value in answer.values
        ]

    def _next(self, api: str, metric: str) -> MetricsAnswer:
        """Return the answer to the next question for a metric.

        Raises:
            MetricsError: it was an error, or the question never came to the API.
        """
        answers = self._answers.get((api, metric.lower()))
        if not answers:
            raise MetricsError("the metrics API had no answer")
        answer = answers.pop(0)
        if answer.status != 200:
            raise MetricsError(answer.message or f"status {answer.status}")
        return answer


def _asked(metric: MetricSpec) -> tuple[str, str]:
    """Return the API and the name that a metric is asked for under, in lower case."""
    api = _APIS.get(MetricSourceType(metric.type), "custom")
    return api, "" if api == "resource" else metric.name.lower()


def _custom(value: AnsweredValue, answer: MetricsAnswer) -> MetricValue:
    window_ms = None if value.window is None else round(1000 * value.window)
    return MetricValue(value.name, value.milli, _stamp_ms(value, answer), window_ms)


def _stamp_ms(value: AnsweredValue, answer: MetricsAnswer) -> int:
    return round(1000 * (answer.time if value.timestamp is None else value.timestamp))
