"""Replays single calls of the replica calculator."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from hpa_replay.pods import RecordedPod
from hpa_replay.verdict import Verdict, difference
from scalecert.hpa.metrics.interfaces import MetricsError, PodMetric, PodMetricsInfo
from scalecert.hpa.pod_groups import ReadinessPeriods
from scalecert.hpa.pod_requests import RequestError, calculate_requests
from scalecert.hpa.replica_calculator import Proposal, ReplicaCalculationError, ReplicaCalculator
from scalecert.hpa.selectors import EVERYTHING, Selector
from scalecert.hpa.types import (
    CrossVersionObjectReference,
    LabelSelector,
    LabelSelectorRequirement,
)
from scalecert.hpa.usage_ratio import Tolerances

_METRIC = "qps"
_SERVICE = CrossVersionObjectReference(kind="Service", name="svc")
_SELECTOR = LabelSelector(match_labels={"q": "a"})
_BAD_SELECTOR = LabelSelector(
    match_expressions=(LabelSelectorRequirement(key="q", operator="Bogus"),)
)


class RecordedMetric(msgspec.Struct, frozen=True):
    """A pod's metric: name, value, time, window."""

    n: str
    v: int
    t: int
    w: int


class Inputs(msgspec.Struct, frozen=True):
    """The arguments of one call, and what the metrics client and the pod lister answer."""

    cur: int
    target: int
    tol_down: float
    tol_up: float
    cpu_init: int
    rdy_delay: int
    now: int
    resource: str = ""
    container: str = ""
    mts: int = 0
    merr: str = ""
    bad_selector: bool = False
    values: list[int] | int | None = None
    metrics: tuple[RecordedMetric, ...] | None = None
    pods: tuple[RecordedPod, ...] | None = None


class Outputs(msgspec.Struct, frozen=True):
    """What the call returned."""

    r: int
    u: int
    raw: int
    ts: int | None
    err: str


class CalculatorRecord(msgspec.Struct, frozen=True):
    """One call."""

    id: str
    method: str
    inputs: Inputs = msgspec.field(name="in")
    out: Outputs


_DECODER = msgspec.json.Decoder(CalculatorRecord)


class RecordedMetricsClient:
    """A metrics client that gives what was recorded, or its error."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def _require(self) -> None:
        if self._inputs.merr:
            raise MetricsError(self._inputs.merr)

    def _per_pod(self) -> tuple[PodMetricsInfo, int]:
        self._require()
        found = {one.n: PodMetric(one.v, one.t, one.w) for one in self._inputs.metrics or ()}
        return found, self._inputs.mts

    def get_resource_metric(
        self, resource: str, namespace: str, selector: Selector, container: str
    ) -> tuple[PodMetricsInfo, int]:
        """Return the recorded values per pod."""
        del resource, namespace, selector, container
        return self._per_pod()

    def get_raw_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> tuple[PodMetricsInfo, int]:
        """Return the recorded values per pod."""
        del metric_name, namespace, selector, metric_selector
        return self._per_pod()

    def get_object_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> tuple[int, int]:
        """Return the recorded value."""
        del metric_name, namespace, object_ref, metric_selector
        self._require()
        return self._values()[0], self._inputs.mts

    def get_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> tuple[list[int], int]:
        """Return the recorded values."""
        del metric_name, namespace, selector
        self._require()
        return self._values(), self._inputs.mts

    def _values(self) -> list[int]:
        values = self._inputs.values
        if values is None:
            return []
        return [values] if isinstance(values, int) else values


def replay_calculator(line: bytes) -> Verdict:
    """Make the recorded call and compare all that it returns."""
    record = _DECODER.decode(line)
    try:
        proposal, error = _call(record.method, record.inputs), ""
    except ReplicaCalculationError as failure:
        proposal, error = failure.beside, str(failure)
    out = record.out
    mismatch = (
        difference("r", out.r, proposal.replicas)
        or difference("u", out.u, proposal.usage)
        or difference("raw", out.raw, proposal.raw_utilization_milli)
        or difference("ts", out.ts, proposal.timestamp_ms)
        or _error_difference(record, _without_pod_name(error))
    )
    return Verdict(record.id, mismatch)


def _without_pod_name(error: str) -> str:
    return re.sub(r"(?<= Pod )\S+", "*", error)


def _error_difference(record: CalculatorRecord, error: str) -> str | None:
    """Compare errors. Upstream goes through pods in no particular order: any pod's may be first."""
    expected = record.out.err
    if expected != error and error.endswith("Pod *") and expected in _errors_of_pods(record.inputs):
        return None
    return difference("err", expected, error)


def _errors_of_pods(inputs: Inputs) -> set[str]:
    errors = set()
    for one in inputs.pods or ():
        try:
            calculate_requests([one.pod()], inputs.container, inputs.resource)
        except RequestError as error:
            errors.add(_without_pod_name(str(error)))
    return errors


def _call(method: str, inputs: Inputs) -> Proposal:
    calculator = ReplicaCalculator(
        RecordedMetricsClient(inputs),
        [one.pod() for one in inputs.pods or () if not one.other],
        "default",
        EVERYTHING,
        Tolerances(inputs.tol_down, inputs.tol_up),
        ReadinessPeriods(inputs.cpu_init, inputs.rdy_delay),
    )
    return _CALLS[method](calculator, inputs)


def _external_selector(inputs: Inputs) -> LabelSelector:
    return _BAD_SELECTOR if inputs.bad_selector else _SELECTOR


_CALLS: dict[str, Callable[[ReplicaCalculator, Inputs], Proposal]] = {
    "GetResourceReplicas": lambda calculator, inputs: calculator.get_resource_replicas(
        inputs.cur, inputs.target, inputs.resource, inputs.container, inputs.now
    ),
    "GetRawResourceReplicas": lambda calculator, inputs: calculator.get_raw_resource_replicas(
        inputs.cur, inputs.target, inputs.resource, inputs.container, inputs.now
    ),
    "GetMetricReplicas": lambda calculator, inputs: calculator.get_metric_replicas(
        inputs.cur, inputs.target, _METRIC, EVERYTHING, inputs.now
    ),
    "GetObjectMetricReplicas": lambda calculator, inputs: calculator.get_object_metric_replicas(
        inputs.cur, inputs.target, _METRIC, _SERVICE, EVERYTHING
    ),
    "GetObjectPerPodMetricReplicas": (
        lambda calculator, inputs: calculator.get_object_per_pod_metric_replicas(
            inputs.cur, inputs.target, _METRIC, _SERVICE, EVERYTHING
        )
    ),
    "GetExternalMetricReplicas": (
        lambda calculator, inputs: calculator.get_external_metric_replicas(
            inputs.cur, inputs.target, _METRIC, _external_selector(inputs)
        )
    ),
    "GetExternalPerPodMetricReplicas": (
        lambda calculator, inputs: calculator.get_external_per_pod_metric_replicas(
            inputs.cur, inputs.target, _METRIC, _external_selector(inputs)
        )
    ),
}
