"""The HPA's arithmetic, done again on what the controller was answered and saw."""

from __future__ import annotations

import math

from scalecert.hpa import (
    Container,
    HorizontalControllerConfig,
    Pod,
    PodSpec,
    ReadyCondition,
    decode_spec,
    set_defaults_horizontal_pod_autoscaler,
)
from scalecert.worlds.recorder.logs import AnsweredValue, MetricsAnswer
from scalecert.worlds.recorder.proposals import Proposals
from scalecert.worlds.recorder.syncs import Sync

READY = ReadyCondition("True", 0)


def pods_metric(name, target):
    return {
        "type": "Pods",
        "pods": {
            "metric": {"name": name},
            "target": {"type": "AverageValue", "averageValue": target},
        },
    }


def external_metric(name, target, kind="value", **labels):
    metric = {"name": name, "selector": {"matchLabels": labels}}
    target_type = {"value": "Value", "averageValue": "AverageValue"}[kind]
    return {
        "type": "External",
        "external": {"metric": metric, "target": {"type": target_type, kind: target}},
    }


def proposals(*metrics):
    document = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
        "maxReplicas": 9,
        "metrics": list(metrics),
    }
    spec = set_defaults_horizontal_pod_autoscaler(decode_spec(document))
    return Proposals("default/x", spec, HorizontalControllerConfig(), "app=x")


def answer(metric, *milli, api="custom", status=200, message=""):
    values = tuple(AnsweredValue(f"p-{index}", value) for index, value in enumerate(milli))
    return MetricsAnswer(1000.0, "kcm", api, status, metric, values, message)


def figures(proposals_, *answers, pods=2, before=2):
    sync = Sync(1000.0, before, before, None, answers, (), ())
    seen = [Pod(f"p-{index}", {"app": "x"}, ready=READY) for index in range(pods)]
    return proposals_.of(sync, [*seen, Pod("other", {"app": "y"})], before)


def test_each_metric_has_its_value_and_proposal_and_the_highest_wins():
    """The controller tells only the highest; values are in the unit of the target."""
    found = figures(
        proposals(pods_metric("waiting", "10"), pods_metric("running", "4")),
        answer("waiting", 30_000, 10_000),
        answer("running", 2000, 3000),
    )
    assert found.metrics == ((20.0, 4.0), (2.5, 2.0))
    assert found.highest == 4


def test_an_answer_that_is_an_error_leaves_no_figures():
    """Others count on; where they would scale down, nothing is proposed at all."""
    of = proposals(pods_metric("waiting", "10"), pods_metric("running", "4"))
    broken = answer("waiting", status=503, message="down")
    up = figures(of, broken, answer("running", 8000, 8000))
    down = figures(of, broken, answer("running", 1000, 1000))
    assert math.isnan(up.metrics[0][0])
    assert up.metrics[1] == (8.0, 4.0)
    assert up.highest == 4
    assert down.highest is None
    assert down.metrics[1] == (1.0, 1.0)


def test_a_sync_without_answers_has_none():
    """Nobody could be asked, or the replicas were out of bounds."""
    found = figures(proposals(pods_metric("waiting", "10")))
    assert found.highest is None
    assert all(math.isnan(one) for pair in found.metrics for one in pair)


def test_only_the_targets_own_pods_count():
    """Two of three pods have a metric: the third may have any value up to the target."""
    found = figures(proposals(pods_metric("m", "10")), answer("m", 20_000, 20_000), pods=3)
    assert found.metrics == ((20.0, 4.0),)


def test_external_names_are_asked_for_in_lower_case_and_told_apart_by_their_order():
    """Two selectors of one metric are two questions."""
    of = proposals(
        external_metric("DCGM", "10", pool="a"),
        external_metric("DCGM", "10", "averageValue", pool="b"),
    )
    found = figures(
        of, answer("dcgm", 30_000, api="external"), answer("dcgm", 8000, api="external")
    )
    assert found.metrics == ((30.0, 6.0), (4.0, 1.0))
    assert found.highest == 6


def test_the_last_answer_counts_where_a_client_asked_again():
    """As clients do after an error that asks them to."""
    found = figures(proposals(pods_metric("m", "10")), answer("m", status=503), answer("m", 9000))
    assert found.metrics == ((9.0, 2.0),)


def test_utilization_is_in_percent_of_requests():
    """The resource API answers per container."""
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    value = AnsweredValue("p-0", 0, "server", {"cpu": 900}, 990.0, 15.0)
    asked = MetricsAnswer(1000.0, "kcm", "resource", 200, "", (value,))
    spec = PodSpec((Container("server", {"cpu": 1000}),))
    pod = Pod("p-0", {"app": "x"}, start_time_ms=0, ready=READY, spec=spec)
    sync = Sync(1000.0, 1, 1, None, (asked,), (), ())
    assert proposals(metric).of(sync, [pod], 1).metrics == ((90.0, 2.0),)
