"""Shared by the tests of the HPA: a small world of pods and metrics, and the recorded cases."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    ExternalMetricValue,
    MetricValue,
    PodMetrics,
    RestMetricsClient,
)
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.pods import Container, Pod, PodSpec, ReadyCondition
from scalecert.hpa.selectors import Selector
from scalecert.hpa.status import HorizontalPodAutoscalerStatus
from scalecert.hpa.sync import Scale, SyncOutcome
from scalecert.hpa.types import (
    CrossVersionObjectReference,
    HorizontalPodAutoscalerSpec,
    decode_spec,
)

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "fixtures" / "golden" / "hpa"
KEY = "default/web"

sys.path.append(str(ROOT / "tools"))


def make_spec(**fields: object) -> HorizontalPodAutoscalerSpec:
    """Return a spec with defaults, of at most 10 replicas, for an External average of 1 each."""
    document = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10,
        "metrics": [
            {
                "type": "External",
                "external": {
                    "metric": {"name": "load"},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
            }
        ],
        **fields,
    }
    return set_defaults_horizontal_pod_autoscaler(decode_spec(document))


def make_pod(number: int, **fields: object) -> Pod:
    """Return a pod that is ready for long, with one container that requests 1 CPU."""
    given: dict[str, object] = {
        "name": f"web-{number}",
        "labels": {"app": "web"},
        "start_time_ms": -3_600_000,
        "ready": ReadyCondition("True", -3_590_000),
        "spec": PodSpec((Container("server", {"cpu": 1000}),)),
    }
    return Pod(**(given | fields))  # type: ignore[arg-type]


class FixedApi:
    """Metrics APIs that answer the same to everything, or with an error.

    `cpu` and `per_pod` are milli-values per pod name, `values` those of objects and series.
    """

    def __init__(
        self,
        *values: int,
        cpu: Mapping[str, int] | None = None,
        per_pod: Mapping[str, int] | None = None,
        error: str = "",
    ) -> None:
        self.values, self.cpu, self.per_pod, self.error = values, cpu or {}, per_pod or {}, error

    def _require(self) -> None:
        if self.error:
            raise MetricsError(self.error)

    def list_pod_metrics(self, namespace: str, selector: Selector) -> list[PodMetrics]:
        self._require()
        return [
            PodMetrics(name, 0, 30_000, [ContainerMetrics("server", {"cpu": usage})])
            for name, usage in self.cpu.items()
        ]

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> list[MetricValue]:
        self._require()
        return [MetricValue(name, value, 0) for name, value in self.per_pod.items()]

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        self._require()
        return MetricValue(object_ref.name, self.values[0], 0)

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> list[ExternalMetricValue]:
        self._require()
        return [ExternalMetricValue(value, 0) for value in self.values]


class World:
    """A target whose pods are there at once, and the controller of its HPA."""

    def __init__(
        self, spec: HorizontalPodAutoscalerSpec, replicas: int = 1, **config: object
    ) -> None:
        self.spec, self.replicas, self.now_ms = spec, replicas, 0
        self.status = HorizontalPodAutoscalerStatus()
        self.controller = HorizontalController(
            HorizontalControllerConfig(**config)  # type: ignore[arg-type]
        )

    def sync(self, *values: int, after_ms: int = 15_000, **fields: object) -> SyncOutcome:
        """Reconcile some time after the last sync, with these values of the metric."""
        self.now_ms += after_ms
        given: dict[str, object] = {
            "pods": [make_pod(number) for number in range(self.replicas)],
            "metrics": RestMetricsClient(FixedApi(*values)),
        }
        outcome = self.controller.reconcile(
            KEY,
            self.spec,
            self.status,
            Scale(self.replicas, self.replicas, "app=web"),
            now_ms=self.now_ms,
            **(given | fields),  # type: ignore[arg-type]
        )
        self.status = outcome.status
        if outcome.replicas is not None:
            self.replicas = outcome.replicas
        return outcome


@pytest.fixture(scope="session")
def spec() -> Callable[..., HorizontalPodAutoscalerSpec]:
    """Return `make_spec`."""
    return make_spec


@pytest.fixture(scope="session")
def pod() -> Callable[..., Pod]:
    """Return `make_pod`."""
    return make_pod


@pytest.fixture(scope="session")
def api() -> type[FixedApi]:
    """Return `FixedApi`."""
    return FixedApi


@pytest.fixture(scope="session")
def world() -> type[World]:
    """Return `World`."""
    return World


@pytest.fixture
def golden() -> Path:
    """Return the folder of recorded cases."""
    return GOLDEN


@pytest.fixture
def upstream_cases() -> Path:
    """Return the file of upstream's own test cases, which is not part of this repository."""
    shared = Path(os.environ.get("SCALECERT_SHARED", ROOT.parent / "shared"))
    file = shared / "data" / "hpa" / "upstream-cases-v1.36.3.jsonl.gz"
    if not file.exists():
        pytest.skip(f"{file.name} is not at hand (SCALECERT_SHARED names its folder)")
    return file
