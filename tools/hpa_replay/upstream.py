"""Replays the cases of upstream's own unit tests, dumped while they passed.

Those tests run with a scale-up factor of 8, a CPU initialization period of 2 min and a readiness
delay of 10 s. In the records zero values are dropped, and times are offsets from the test's start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from hpa_replay.upstream_calculator import replay_replica_calc
from hpa_replay.upstream_controller import replay_controller
from hpa_replay.upstream_functions import (
    replay_build_quantity,
    replay_calculate_requests,
    replay_convert_with_behavior_rate,
    replay_convert_with_rules,
    replay_group_pods,
    replay_stabilize,
    replay_stabilize_with_behaviors,
    replay_store_scale_event,
)
from hpa_replay.verdict import Verdict

_CUSTOM_CLIENT = "the test brings clients of its own, which are not in the record"
LEFT_OUT: Mapping[str, str] = {
    "TestConditionInvalidSelectorMissing": _CUSTOM_CLIENT,
    "TestConditionInvalidSelectorUnparsable": _CUSTOM_CLIENT,
    "TestConditionNoAmbiguousSelectorWhenNoSelectorOverlapBetweenHPAs": _CUSTOM_CLIENT,
    "TestConditionAmbiguousSelectorWhenFullSelectorOverlapBetweenHPAs": _CUSTOM_CLIENT,
    "TestConditionAmbiguousSelectorWhenPartialSelectorOverlapBetweenHPAs": _CUSTOM_CLIENT,
    "TestConditionFailedGetMetrics": _CUSTOM_CLIENT,
    "TestConditionFailedGetScale": _CUSTOM_CLIENT,
    "TestConditionFailedUpdateScale": _CUSTOM_CLIENT,
    "TestAvoidUnnecessaryUpdates": _CUSTOM_CLIENT,
    "TestScaleUpOneMetricEmpty": _CUSTOM_CLIENT,
    "TestNoScaleDownOneMetricEmpty": _CUSTOM_CLIENT,
    "TestHPARescaleWithSuccessfulConflictRetry": _CUSTOM_CLIENT,
    (
        "TestScalingWithRules/scaleDownLimit_is_the_limit_because_scaleDownLimit_>_minReplicas"
        "_with_user_defined_policies"
    ): "upstream skips the row too",
}

_REPLAYS: Mapping[str, Callable[[msgspec.Raw, Mapping[str, bool]], str | None]] = {
    "replicaCalc": replay_replica_calc,
    "controller": replay_controller,
    "groupPods": replay_group_pods,
    "calculateRequests": replay_calculate_requests,
    "convertDesiredReplicasWithRules": replay_convert_with_rules,
    "convertDesiredReplicasWithBehaviorRate": replay_convert_with_behavior_rate,
    "stabilizeRecommendation": replay_stabilize,
    "stabilizeRecommendationWithBehaviors": replay_stabilize_with_behaviors,
    "storeScaleEvent": replay_store_scale_event,
    "buildQuantity": replay_build_quantity,
}


class UpstreamRecord(msgspec.Struct, frozen=True):
    """One case: the test's name, what it tests, the feature gates, the table row."""

    test: str
    kind: str
    gates: dict[str, bool]
    case: msgspec.Raw


_DECODER = msgspec.json.Decoder(UpstreamRecord)


def replay_upstream_case(line: bytes) -> Verdict:
    """Do what upstream's test does with the case."""
    record = _DECODER.decode(line)
    if record.test in LEFT_OUT:
        return Verdict(record.test, left_out=LEFT_OUT[record.test])
    return Verdict(record.test, _REPLAYS[record.kind](record.case, record.gates))
