"""Time lapse: a policy and a scenario's conditions made K times faster, for a run on the clock.

A world of real processes may let K seconds of the run pass in one of the clock. What manifests,
conditions and controllers count in seconds is divided by K then; what can't be is told, in a
sentence each, and stands on the certificate. Pure: the world applies what comes out of here.

The API counts whole seconds, so that a division that is not whole is refused: a rounded window or
probe would be another policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from scalecert.documents import Document, Plain
from scalecert.errors import UsageError
from scalecert.metrics.conditions import MetricConditions
from scalecert.planning.pod_timing import PodTiming
from scalecert.policy.model import Policy, Probe
from scalecert.scenario.model import Cluster, Nodes
from scalecert.units import Duration
from scalecert.worlds.base import TIME_LAPSES
from scalecert.worlds.local.faster_manifests import LEAST_SECONDS, faster

P = TypeVar("P", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A policy under some conditions, in seconds of the clock.

    `manifests` are those of the policy, in its order; `not_scaled` are sentences.
    """

    manifests: tuple[Mapping[str, Plain], ...]
    cluster: Cluster
    timing: PodTiming
    not_scaled: tuple[str, ...]


def check_policy(policy: Policy, time_lapse: int) -> None:
    """Raise UsageError, with file, line and field, where a policy can't be made K times faster."""
    _manifests(policy, time_lapse)


def check_conditions(scenario: Document, cluster: Cluster, time_lapse: int) -> None:
    """Raise UsageError, with file, line and field, where a scenario can't be."""
    for name in ("controllers", "metrics"):
        try:
            _divided(getattr(cluster, name), time_lapse)
        except ValueError as error:
            problem = f"with --time-lapse {time_lapse} {error}"
            raise scenario.error(problem, field=f"spec.cluster.{name}") from None


def lapsed(policy: Policy, cluster: Cluster, timing: PodTiming, time_lapse: int) -> Lapsed:
    """Return what runs K times faster, K = `time_lapse`.

    Raises:
        UsageError: with file, line and field, where a division is not whole, or a probe would come
            more often than every second.
        ValueError: if an interval of the scenario would be next to no time.
    """
    manifests, not_scaled = _manifests(policy, time_lapse)
    return Lapsed(
        manifests=manifests,
        cluster=faster_cluster(cluster, time_lapse),
        timing=faster_timing(timing, time_lapse),
        not_scaled=(
            *not_scaled,
            *_of_the_server(timing, time_lapse),
            *_of_resources(policy, time_lapse),
            *_of_the_world(time_lapse),
        ),
    )


def _manifests(
    policy: Policy, time_lapse: int
) -> tuple[tuple[Mapping[str, Plain], ...], tuple[str, ...]]:
    if time_lapse == 1:
        return policy.manifests, ()
    pairs = zip(policy.documents, policy.manifests, strict=True)
    try:
        made = [faster(document, manifest, time_lapse) for document, manifest in pairs]
    except UsageError as error:
        raise _with_what_fits(error, policy, time_lapse) from None
    sentences = (sentence for one in made for sentence in one.not_scaled)
    return tuple(one.manifest for one in made), tuple(dict.fromkeys(sentences))


def _with_what_fits(error: UsageError, policy: Policy, refused: int) -> UsageError:
    """Return the refusal with a hint at the time lapses that the policy can have."""
    fitting = [str(one) for one in TIME_LAPSES if one != refused and _fits(policy, one)]
    return UsageError(
        error.problem,
        file=error.file,
        line=error.line,
        field=error.field,
        hint=f"this policy can have --time-lapse {' or '.join(fitting)}",
    )


def _fits(policy: Policy, time_lapse: int) -> bool:
    pairs = zip(policy.documents, policy.manifests, strict=True)
    try:
        for document, manifest in pairs if time_lapse > 1 else ():
            faster(document, manifest, time_lapse)
    except UsageError:
        return False
    return True


def faster_cluster(cluster: Cluster, time_lapse: int) -> Cluster:
    """Return conditions that are K times faster.

    Raises:
        ValueError: if an interval would be next to no time.
    """
    if time_lapse == 1:
        return cluster
    return msgspec.structs.replace(
        cluster,
        nodes=_nodes(cluster.nodes, time_lapse),
        startup=_divided(cluster.startup, time_lapse),
        controllers=_divided(cluster.controllers, time_lapse),
        metrics=_metrics(cluster.metrics, time_lapse),
    )


def _nodes(nodes: Nodes, time_lapse: int) -> Nodes:
    outs = tuple(_divided(one, time_lapse) for one in nodes.stock_outs)
    return msgspec.structs.replace(_divided(nodes, time_lapse), stock_outs=outs)


def _metrics(metrics: MetricConditions, time_lapse: int) -> MetricConditions:
    outages = tuple(_divided(one, time_lapse) for one in metrics.outages)
    return msgspec.structs.replace(_divided(metrics, time_lapse), outages=outages)


def _divided(part: P, time_lapse: int) -> P:
    """Return a part of the conditions with each of its durations divided."""
    return msgspec.structs.replace(part, **dict(_shorter(part, time_lapse)))


def _shorter(part: msgspec.Struct, time_lapse: int) -> Iterator[tuple[str, Duration]]:
    for name, value in msgspec.structs.asdict(part).items():
        if isinstance(value, Duration):
            yield name, Duration(value / time_lapse)


def faster_timing(timing: PodTiming, time_lapse: int) -> PodTiming:
    """Return the timing of a pod that lives K times faster; its probes as the API can have them.

    A server's own limit for draining stays: it is a flag in seconds of the clock.
    """
    if time_lapse == 1:
        return timing
    return replace(
        timing,
        image_pull_seconds=timing.image_pull_seconds / time_lapse,
        model_load_seconds=timing.model_load_seconds / time_lapse,
        startup=_probe(timing.startup, time_lapse),
        readiness=_probe(timing.readiness, time_lapse),
        pre_stop_seconds=timing.pre_stop_seconds / time_lapse,
        grace_seconds=timing.grace_seconds / time_lapse,
    )


def _probe(probe: Probe | None, time_lapse: int) -> Probe | None:
    if probe is None:
        return None
    return replace(
        probe,
        initial_delay_seconds=probe.initial_delay_seconds / time_lapse,
        period_seconds=probe.period_seconds / time_lapse,
        timeout_seconds=max(LEAST_SECONDS, probe.timeout_seconds / time_lapse),
    )


def _of_the_server(timing: PodTiming, time_lapse: int) -> tuple[str, ...]:
    """Return the server's own limit for draining, a flag of its command line, if it has one."""
    drain = timing.drain_seconds
    if time_lapse == 1 or not 0 < drain < math.inf:
        return ()
    return (
        (
            f"A stopped server drains for up to {drain:g} s of the clock, as its command line says,"
            f" {drain * time_lapse:g} s of the run."
        ),
    )


def _of_resources(policy: Policy, time_lapse: int) -> tuple[str, ...]:
    """Return what the HPA compares with the age of a pod, where it reads CPU or memory."""
    found = (metric.resource or metric.container_resource for metric in policy.hpa.metrics)
    if time_lapse == 1 or not any(found):
        return ()
    return (
        (
            "The HPA leaves out the CPU of pods that have just become ready: since when they are"
            f" is in whole seconds of the clock, {time_lapse} s of the run."
        ),
    )


def _of_the_world(time_lapse: int) -> tuple[str, ...]:
    """Return what of the world itself goes on at its own pace."""
    if time_lapse == 1:
        return ()
    return tuple(sentence.format(K=time_lapse, discovery=5 * time_lapse) for sentence in _OWN_PACE)


_OWN_PACE = (
    "Prometheus takes up new targets within 5 s of the clock, {discovery} s of the run.",
    (
        "Control plane, processes, network, scrapes and answers of the metrics APIs take their own"
        " time, which counts {K} times in the run."
    ),
)
"""prometheus/discovery, Manager: updates are sent every 5 s, and no flag changes that."""
