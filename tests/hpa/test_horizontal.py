"""Whole syncs: what the recorded runs don't show, and what holds for every run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.conditions import Event
from scalecert.hpa.metrics.client import RestMetricsClient
from scalecert.hpa.pods import ZERO_TIME_MS
from scalecert.hpa.status import (
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
)
from scalecert.hpa.sync import ApiFaults, Scale, SyncOutcome, SyncTimes


def conditions(outcome: SyncOutcome) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in outcome.status.conditions}


def reasons(outcome: SyncOutcome) -> list[str]:
    return [event.reason for event in outcome.events]


def test_a_first_scale_up(world, spec) -> None:
    """One metric above target: the scale is written, and status, conditions and event say so."""
    outcome = world(spec()).sync(2500)
    assert outcome.replicas == outcome.status.desired_replicas == 3
    assert outcome.status.current_replicas == 1
    assert outcome.status.last_scale_time_ms == 15_000
    assert conditions(outcome) == {
        "AbleToScale": ("True", "SucceededRescale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }
    assert outcome.events == (
        Event(
            "Normal",
            "SuccessfulRescale",
            "New size: 3; reason: external metric load(nil) above target",
        ),
    )
    assert outcome.proposals[0].value("AverageValue") == 2.5
    assert outcome.error is None


def test_a_new_hpa_does_not_scale_down_for_a_window(world, spec) -> None:
    """The count found at first sight is a recommendation: it holds for 5 minutes, edge included."""
    one = world(spec(), replicas=8)
    counts = [one.sync(1000).status.desired_replicas for _ in range(22)]
    assert counts == [8] * 21 + [1]


def test_conditions_keep_their_time_until_their_status_changes(world, spec) -> None:
    """A new reason alone does not move the transition time."""
    one = world(spec(), replicas=2)
    first, second = one.sync(2000), one.sync(4000)
    assert conditions(first)["AbleToScale"] != conditions(second)["AbleToScale"]
    assert {c.last_transition_time_ms for c in second.status.conditions} == {15_000}


OUT_OF_BOUNDS = {
    9: ({"maxReplicas": 4}, 4),
    1: ({"minReplicas": 3}, 3),
    4: ({"maxReplicas": 4}, None),
}


@pytest.mark.parametrize("replicas", OUT_OF_BOUNDS)
def test_out_of_bounds_is_put_right_without_metrics(world, spec, api, replicas) -> None:
    """A count beyond a bound goes to it at once, though no metric can be had."""
    bounds, expected = OUT_OF_BOUNDS[replicas]
    outcome = world(spec(**bounds), replicas=replicas).sync(
        metrics=RestMetricsClient(api(error="down"))
    )
    assert outcome.replicas == expected
    assert (outcome.error is None) is (expected is not None)


def test_zero_replicas_disable_scaling(world, spec) -> None:
    """A target that someone scaled to zero stays there."""
    outcome = world(spec(), replicas=0).sync(9000)
    assert outcome.replicas is None
    assert conditions(outcome)["ScalingActive"] == ("False", "ScalingDisabled")


def test_no_metric_at_all_keeps_the_count(world, spec, api) -> None:
    """An outage is an error with the cause in condition and events; desiredReplicas stays."""
    one = world(spec(), replicas=2)
    one.sync(2000)
    outcome = one.sync(metrics=RestMetricsClient(api(error="down")))
    assert outcome.replicas is None
    assert outcome.status.desired_replicas == 2
    assert conditions(outcome)["ScalingActive"] == ("False", "FailedGetExternalMetric")
    assert reasons(outcome) == ["FailedGetExternalMetric", "FailedComputeMetricsReplicas"]
    assert outcome.proposals[0].replicas is None
    assert outcome.proposals[0].value("AverageValue") is None
    assert outcome.error is not None
    assert outcome.error.startswith(
        "failed to compute desired number of replicas based on listed metrics for "
        "Deployment/default/web: invalid metrics (1 invalid out of 1), first error is: "
    )


PODS = {
    "type": "Pods",
    "pods": {
        "metric": {"name": "queue"},
        "target": {"type": "AverageValue", "averageValue": "1"},
    },
}


EXTERNAL = {
    "type": "External",
    "external": {
        "metric": {"name": "load"},
        "target": {"type": "AverageValue", "averageValue": "1"},
    },
}


@pytest.mark.parametrize(("value", "expected"), [(4000, 4), (1000, None)])
def test_with_one_of_two_metrics_lost_only_up_is_allowed(world, spec, value, expected) -> None:
    """Scaling up goes on with an error beside it; scaling down waits for the lost metric."""
    outcome = world(spec(metrics=[PODS, EXTERNAL]), replicas=2).sync(value)
    assert outcome.replicas == expected
    assert outcome.error is not None
    assert "1 invalid out of 2" in outcome.error
    assert [proposal.error is None for proposal in outcome.proposals] == [False, True]


def test_the_highest_metric_wins(world, spec, api) -> None:
    """Of several proposals the highest is taken, and its metric named."""
    outcome = world(spec(metrics=[PODS, EXTERNAL]), replicas=2).sync(
        metrics=RestMetricsClient(api(3000, per_pod={"web-0": 4000, "web-1": 2000}))
    )
    assert [proposal.replicas for proposal in outcome.proposals] == [6, 3]
    assert outcome.replicas == 4  # twice the current count is the limit
    assert outcome.events[0].message == "New size: 4; reason: pods metric queue above target"
    assert conditions(outcome)["ScalingLimited"] == ("True", "ScaleUpLimit")


@pytest.mark.parametrize(
    ("conflicts", "expected", "at_ms"), [(1, 3, 15_010), (4, 3, 15_040), (5, None, 15_040)]
)
def test_conflicts_are_retried(world, spec, conflicts, expected, at_ms) -> None:
    """Five writes are tried, 10 ms apart; the sync's time moves with them."""
    outcome = world(spec()).sync(2500, faults=ApiFaults(scale_conflicts=conflicts))
    assert outcome.replicas == expected
    able = outcome.status.conditions[0]
    if expected is None:
        assert (able.status, able.reason, able.last_transition_time_ms) == (
            "False", "FailedUpdateScale", at_ms,
        )  # fmt: skip
        assert reasons(outcome) == ["FailedRescale"]
        assert outcome.desired_replicas == 3
    else:
        assert outcome.status.last_scale_time_ms == at_ms


def test_a_refused_status_is_lost_but_not_the_scaling(world, spec) -> None:
    """The status stays as it was; memory and target have moved on."""
    one = world(spec())
    before = one.status
    outcome = one.sync(2500, faults=ApiFaults(update_status="refused"))
    assert outcome.replicas == 3
    assert outcome.status == before
    assert reasons(outcome) == ["SuccessfulRescale", "FailedUpdateStatus"]
    assert outcome.error == "failed to update status for web: refused"


def test_an_unchanged_status_is_not_written(world, spec) -> None:
    """Where nothing changed there is no write that could fail."""
    one = world(spec(), replicas=2)
    one.sync(2000)
    one.sync(2000)
    outcome = one.sync(2000, faults=ApiFaults(update_status="refused"))
    assert outcome.error is None
    assert outcome.events == ()


def test_an_unknown_scale_leaves_the_status(world, spec) -> None:
    """Without a scale only AbleToScale changes."""
    outcome = world(spec()).sync(2500, faults=ApiFaults(get_scale="gone"))
    assert conditions(outcome) == {"AbleToScale": ("False", "FailedGetScale")}
    assert outcome.error == "failed to query scale subresource for Deployment/default/web: gone"


def test_a_bad_api_version_is_the_specs_fault(world, spec) -> None:
    """A version with two slashes can't be looked up."""
    target = {"apiVersion": "a/b/c", "kind": "Deployment", "name": "web"}
    outcome = world(spec(scaleTargetRef=target)).sync(2500)
    assert conditions(outcome) == {"AbleToScale": ("False", "FailedGetScale")}
    assert outcome.error_label == "spec"


@pytest.mark.parametrize(
    ("selector", "event"), [("", "SelectorRequired"), ("app in (", "InvalidSelector")]
)
def test_bad_selectors(world, spec, api, selector, event) -> None:
    """A scale without a usable selector stops the sync."""
    one = world(spec())
    outcome = one.controller.reconcile(
        "default/web", one.spec, one.status, Scale(1, 1, selector), [],
        RestMetricsClient(api(2500)), 15_000,
    )  # fmt: skip
    assert reasons(outcome) == [event, "FailedComputeMetricsReplicas"]
    assert conditions(outcome)["ScalingActive"] == ("False", "InvalidSelector")


def test_two_hpas_of_the_same_pods_are_ambiguous(world, spec, api, pod) -> None:
    """Both stop when they select the same pods; one of another namespace does not matter."""
    one = world(spec())

    def sync(key: str, *, selector: str = "app=web") -> SyncOutcome:
        return one.controller.reconcile(
            key, one.spec, HorizontalPodAutoscalerStatus(), Scale(1, 1, selector), [pod(0)],
            RestMetricsClient(api(2500)), 15_000,
        )  # fmt: skip

    assert sync("other/a").replicas == 3
    assert sync("default/a").replicas == 3
    outcome = sync("default/b", selector="app")
    assert conditions(outcome)["ScalingActive"] == ("False", "AmbiguousSelector")
    assert "controlled by multiple HPAs: [{a default} {b default}]" in outcome.events[0].message
    one.controller.forget("default/a")
    assert sync("default/b").replicas == 3


def test_only_selected_pods_count(world, spec, api, pod) -> None:
    """Pods of the namespace with other labels are not the target's."""
    value = {"type": "External", "external": {
        "metric": {"name": "load"}, "target": {"type": "Value", "value": "1"}}}  # fmt: skip
    pods = [pod(0), pod(1, labels={"app": "other"})]
    assert world(spec(metrics=[value])).sync(3000, pods=pods).replicas == 3


def test_a_sync_that_takes_time(world, spec, pod) -> None:
    """Readiness is judged when the metrics are in, and the scaling is dated when it was written."""
    times = SyncTimes(metrics_returned_ms=(16_000,), scaled_ms=17_000)
    outcome = world(spec()).sync(2500, times=times)
    at = {one.type: one.last_transition_time_ms for one in outcome.status.conditions}
    assert at == {"AbleToScale": 15_000, "ScalingActive": 16_000, "ScalingLimited": 16_000}
    assert outcome.status.last_scale_time_ms == 17_000


def scaled_to_zero(status: str) -> HorizontalPodAutoscalerStatus:
    condition = HorizontalPodAutoscalerCondition("ScaledToZero", status, ZERO_TIME_MS, "", "")
    return HorizontalPodAutoscalerStatus(conditions=(condition,))


@pytest.mark.parametrize(
    ("gate", "condition", "expected"),
    [(True, "True", 3), (True, "False", None), (False, "True", None)],
)
def test_from_zero_only_what_the_controller_scaled_there(
    world, spec, gate, condition, expected
) -> None:
    """With the gate, a target that the controller itself scaled to zero comes back."""
    one = world(spec(minReplicas=0), replicas=0, scale_to_zero=gate)
    one.status = scaled_to_zero(condition)
    assert one.sync(2500).replicas == expected


def test_to_zero_is_noted(world, spec) -> None:
    """Scaling to zero sets the condition that lets the controller come back, and up clears it."""
    rules = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    one = world(spec(minReplicas=0, behavior=rules), scale_to_zero=True)
    assert conditions(one.sync(0))["ScaledToZero"] == ("True", "ScaledToZero")
    assert one.replicas == 0
    assert conditions(one.sync(2500))["ScaledToZero"] == ("False", "NotScaledToZero")


def test_a_restart_forgets_windows_and_a_deleted_hpa_everything(world, spec) -> None:
    """What the controller remembers is in its memory and nowhere else."""
    one = world(spec(behavior={}))
    one.sync(9000)
    memory = one.controller.memory
    assert memory.recommendations.keys() == memory.scale_up_events.keys() == {"default/web"}
    one.controller.forget("default/web")
    assert memory.recommendations == memory.scale_up_events == memory.selectors == {}


LOADS = st.lists(st.integers(0, 30_000), min_size=1, max_size=20)
BEHAVIORS = st.sampled_from(
    [
        None,
        {},
        {"scaleDown": {"stabilizationWindowSeconds": 30}},
        {"scaleUp": {"stabilizationWindowSeconds": 60, "policies": [
            {"type": "Pods", "value": 1, "periodSeconds": 30}]}},
        {"scaleDown": {"selectPolicy": "Disabled"}, "scaleUp": {"tolerance": "0.5"}},
    ]
)  # fmt: skip


@given(loads=LOADS, behavior=BEHAVIORS, bounds=st.tuples(st.integers(1, 6), st.integers(0, 9)))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_invariants_of_every_run(world, spec, loads, behavior, bounds) -> None:
    """Bounds hold, a run can be repeated, what is written is what the status says."""
    lowest, more = bounds

    def run() -> list[SyncOutcome]:
        fields = {} if behavior is None else {"behavior": behavior}
        one = world(spec(minReplicas=lowest, maxReplicas=lowest + more, **fields), replicas=lowest)
        return [one.sync(load) for load in loads]

    outcomes = run()
    assert outcomes == run()
    current = lowest
    for outcome in outcomes:
        assert lowest <= outcome.status.desired_replicas <= lowest + more
        assert outcome.status.current_replicas == current
        assert outcome.replicas in (None, outcome.status.desired_replicas)
        assert outcome.replicas != current
        assert ("SuccessfulRescale" in reasons(outcome)) is (outcome.replicas is not None)
        current = outcome.status.desired_replicas


@given(load=st.integers(0, 40_000))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_steady_load_settles(world, spec, load: int) -> None:
    """Under a load that stays, the count settles, and carries it as far as maxReplicas allow."""
    one = world(spec(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}}), replicas=5)
    for _ in range(6):
        one.sync(load)
    assert one.sync(load).replicas is None
    assert one.replicas * 1100 >= min(load, 10_000)
