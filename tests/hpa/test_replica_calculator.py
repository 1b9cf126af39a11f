"""The replica calculator, at the edges that the recorded cases don't reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.arithmetic import MAX_INT32, MAX_INT64, MIN_INT32, MIN_INT64
from scalecert.hpa.metrics.client import RestMetricsClient
from scalecert.hpa.pod_groups import ReadinessPeriods
from scalecert.hpa.pods import Pod, PodPhase
from scalecert.hpa.replica_calculator import (
    Proposal,
    ReplicaCalculationError,
    ReplicaCalculator,
)
from scalecert.hpa.selectors import EVERYTHING
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.hpa.usage_ratio import Tolerances

OBJECT = CrossVersionObjectReference(kind="Service", name="svc")


@pytest.fixture(scope="session")
def calculator(api, pod) -> Callable[..., ReplicaCalculator]:
    """Return a function that makes a calculator of `pods` pods over fixed metrics."""

    def make(
        *values: int, pods: int | list[Pod] = 2, **metrics: dict[str, int]
    ) -> ReplicaCalculator:
        return ReplicaCalculator(
            RestMetricsClient(api(*values, **metrics)),
            [pod(number) for number in range(pods)] if isinstance(pods, int) else pods,
            "default",
            EVERYTHING,
            Tolerances(0.1, 0.1),
            ReadinessPeriods(300_000, 30_000),
        )

    return make


def test_utilization_is_a_whole_percent_before_the_ratio(calculator) -> None:
    """55.9 % of a target of 50 % is 55 %: within 10 %, though 1.118 is not."""
    cpu = {"web-0": 559, "web-1": 559}
    found = calculator(cpu=cpu).get_resource_replicas(2, 50, "cpu", "", 0)
    assert found == Proposal(2, 55, 559, 0)


def test_a_missing_pod_counts_its_request_against_scaling_down(calculator) -> None:
    """Down: 100 % of the request, or the target if that is higher."""
    one_of_two = calculator(cpu={"web-0": 100})
    assert one_of_two.get_resource_replicas(2, 80, "cpu", "", 0).replicas == 2  # 55 %
    one_of_four = calculator(cpu={"web-0": 0, "web-1": 0, "web-2": 0}, pods=4)
    assert one_of_four.get_resource_replicas(4, 150, "cpu", "", 0).replicas == 1  # 37 % of 150 %


def test_a_missing_pod_counts_nothing_against_scaling_up(calculator) -> None:
    """Up: what is missing uses nothing."""
    found = calculator(cpu={"web-0": 2000}).get_resource_replicas(2, 50, "cpu", "", 0)
    assert found.replicas == 4  # 2000 of 2000 m is 100 % over two pods
    assert found.usage == 200  # reported without the guess


def test_pods_unknown_to_the_lister_count_in_averages_only(calculator) -> None:
    """A ghost has no request, so utilization leaves it out; a plain average takes it in."""
    cpu = {"web-0": 500, "web-1": 500, "ghost": 5000}
    assert calculator(cpu=cpu).get_resource_replicas(2, 50, "cpu", "", 0).replicas == 2
    assert calculator(cpu=cpu).get_raw_resource_replicas(2, 500, "cpu", "", 0).usage == 2000


def test_no_pods_and_no_usable_metrics_are_errors(calculator, pod) -> None:
    """Nothing selected, or nothing measured of what is selected, can't be computed from."""
    with pytest.raises(ReplicaCalculationError, match="no pods returned by selector"):
        calculator(pods=[], per_pod={"a": 1}).get_metric_replicas(1, 1, "m", EVERYTHING, 0)
    pending = [pod(0, phase=PodPhase.PENDING)]
    with pytest.raises(ReplicaCalculationError, match="did not receive metrics") as caught:
        calculator(pods=pending, per_pod={"web-0": 1}).get_metric_replicas(1, 1, "m", EVERYTHING, 0)
    assert caught.value.beside.timestamp_ms == 0


def test_values_count_ready_pods_and_averages_status_replicas(calculator) -> None:
    """A Value target is multiplied by ready pods, an average is divided among status replicas."""
    by_value = calculator(3000, pods=4).get_external_metric_replicas(2, 1000, "m", None)
    assert by_value == Proposal(12, 3000)
    average = calculator(3000, pods=4).get_external_per_pod_metric_replicas(2, 1000, "m", None)
    assert average == Proposal(3, 1500, 0, 0)


def test_from_zero_a_value_needs_no_pods_and_no_tolerance(calculator) -> None:
    """At zero replicas the ratio itself is the count."""
    found = calculator(1050, pods=[]).get_object_metric_replicas(0, 1000, "m", OBJECT, EVERYTHING)
    assert found.replicas == 2


def test_no_status_replicas(calculator) -> None:
    """Without status replicas an average is out of range; zero by zero proposes zero."""
    some = calculator(5000).get_external_per_pod_metric_replicas(0, 1000, "m", None)
    assert some == Proposal(5, MIN_INT64, 0, 0)
    none = calculator(0).get_object_per_pod_metric_replicas(0, 1000, "m", OBJECT, EVERYTHING)
    assert none == Proposal(0, MIN_INT64, 0, 0)


def test_overflow_is_guarded_where_upstream_guards_it(calculator) -> None:
    """Huge counts are capped for External and for values; an Object's average overflows."""
    huge = calculator(MAX_INT64)
    external = huge.get_external_per_pod_metric_replicas(1, 1, "m", None)
    assert (external.replicas, external.usage) == (MAX_INT32, MAX_INT64)
    assert huge.get_external_metric_replicas(1, 1, "m", None).replicas == MAX_INT32
    averaged = huge.get_object_per_pod_metric_replicas(1, 1, "m", OBJECT, EVERYTHING)
    assert averaged.replicas == MIN_INT32


def test_sums_of_external_series_stop_at_the_highest_int64(calculator) -> None:
    """Positive overflow is capped; a negative sum of averages is taken for one."""
    sum_of_two = calculator(MAX_INT64, 1).get_external_metric_replicas(2, MAX_INT64, "m", None)
    assert sum_of_two == Proposal(2, MAX_INT64)
    negative = calculator(-5).get_external_per_pod_metric_replicas(2, 1000, "m", None)
    assert negative.usage == MAX_INT64


@given(usage=st.lists(st.integers(0, 10_000), min_size=1, max_size=12), target=st.integers(1, 5000))
@settings(max_examples=100, derandomize=True)
def test_proposals_carry_the_load(calculator, usage: list[int], target: int) -> None:
    """With a metric of every pod, the count is the smallest that brings the average to target."""
    count = len(usage)
    per_pod = {f"web-{number}": value for number, value in enumerate(usage)}
    found = calculator(pods=count, per_pod=per_pod).get_metric_replicas(
        count, target, "m", EVERYTHING, 0
    )
    load = sum(usage) // count * count
    if found.replicas != count:
        assert (found.replicas - 1) * target < load <= found.replicas * target
    else:
        assert 0.9 * count * target - target <= load <= 1.1 * count * target
