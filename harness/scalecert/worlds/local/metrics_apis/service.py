"""What a request for a metric is answered: the adapters and metrics-server as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import SelectorError, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.canary import POD, SELECTOR
from scalecert.metrics.provider import MetricsProvider
from scalecert.worlds.local.metrics_apis import answers
from scalecert.worlds.local.metrics_apis.answers import Answer, PodUse
from scalecert.worlds.local.metrics_apis.outages import Outages
from scalecert.worlds.local.metrics_apis.pods import PodNames
from scalecert.worlds.local.metrics_apis.requests import ALL_OBJECTS, Asked
from scalecert.worlds.local.metrics_apis.usage import UsageFile

_MILLI_PER_NANO = 1_000_000


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, and what the log says of it."""

    answer: Answer
    values: tuple[dict[str, Any], ...] = ()
    message: str = field(default="")


class MetricsApis:
    """The resource, custom and external metrics APIs.

    Args:
        provider: who serves custom and external metrics.
        usage: who serves resource metrics.
        pods: who knows which pods a selector takes.
        outages: when nothing is served.
    """

    def __init__(
        self, provider: MetricsProvider, usage: UsageFile, pods: PodNames, outages: Outages
    ) -> None:
        self._provider = provider
        self._usage = usage
        self._pods = pods
        self._outages = outages

    def serve(self, asked: Asked, now: float) -> Served:
        """Return the answer to a request at `now`, unix seconds; adapters' errors are answers."""
        if self._outages.is_down("adapter", now):
            return Served(answers.unavailable(), message="outage of the scenario")
        try:
            return self._served(asked, now)
        except SelectorError as error:
            return Served(answers.failure(400, "BadRequest", str(error)), message=str(error))
        except MetricsError as error:
            return Served(answers.refused(error), message=str(error))

    def _served(self, asked: Asked, now: float) -> Served:
        if asked.api == "resource":
            return self._resource(asked)
        if asked.api == "custom":
            return self._custom(asked, now)
        selector = parse_selector(asked.metric_selector)
        found = self._provider.external_metrics(asked.metric, asked.namespace, selector, now)
        values = tuple({"name": "", "milli": milli} for milli in found)
        return Served(answers.found(answers.external_metrics(asked, found, now)), values)

    def _custom(self, asked: Asked, now: float) -> Served:
        found = (
            self._of_pods(asked, now) if asked.name == ALL_OBJECTS else self._of_object(asked, now)
        )
        values = tuple({"name": name, "milli": milli} for name, milli in found.items())
        return Served(answers.found(answers.custom_metrics(asked, found, now)), values)

    def _of_pods(self, asked: Asked, now: float) -> Mapping[str, int]:
        names = self._pods.names(asked.namespace, asked.selector)
        selector = parse_selector(asked.metric_selector)
        return self._provider.pod_metrics(asked.metric, asked.namespace, names, selector, now)

    def _of_object(self, asked: Asked, now: float) -> Mapping[str, int]:
        described = CrossVersionObjectReference(kind=asked.kind, name=asked.name)
        selector = parse_selector(asked.metric_selector)
        milli = self._provider.object_metric(
            asked.metric, asked.namespace, described, selector, now
        )
        return {asked.name: milli}

    def _resource(self, asked: Asked) -> Served:
        if asked.name != ALL_OBJECTS:
            use = self._usage.of_pod(asked.namespace, asked.name)
            if use is None:
                message = f'podmetrics.metrics.k8s.io "{asked.namespace}/{asked.name}" not found'
                return Served(answers.failure(404, "NotFound", message), message=message)
            return Served(answers.found(answers.pod_metrics(asked, use)), _logged((use,)))
        uses = self._uses(asked)
        return Served(answers.found(answers.pod_metrics_list(asked, uses)), _logged(uses))

    def _uses(self, asked: Asked) -> tuple[PodUse, ...]:
        """Return the usage of the selected pods that have any."""
        if asked.selector == str(SELECTOR):
            beat = self._usage.heartbeat(POD)
            return () if beat is None else (beat,)
        names = self._pods.names(asked.namespace, asked.selector)
        found = (self._usage.of_pod(asked.namespace, name) for name in names)
        return tuple(use for use in found if use is not None)


def _logged(uses: tuple[PodUse, ...]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "name": use.name,
            "container": one.container,
            "usage": {
                # Rounded up, as a client reads nanocores in milli-units.
                "cpu": -(-one.cpu_nano // _MILLI_PER_NANO),
                "memory": one.memory_bytes // 1024 * 1024 * 1000,
            },
            "timestamp": use.time,
            "window": use.window_seconds,
        }
        for use in uses
        for one in use.containers
    )
