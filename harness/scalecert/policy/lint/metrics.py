"""Rules on what the HPA's metrics tell, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, finding_at
from scalecert.policy.lint.kinds import accelerator_series, is_memory, is_queue, is_resource
from scalecert.recording.plan import Signal
from scalecert.units import memory_quantity


def _fallbacks(facts: Facts) -> Iterator[LintFinding]:
    """`missing-as-number`: no rule gives the HPA a number where it has no data."""
    for signal in facts.signals:
        if signal.fallback is not None:
            yield finding_at(
                facts.place(signal),
                "missing-as-number",
                "warning",
                f"the rule of {signal.metric} ends in `or vector({signal.fallback:g})`: a lost"
                f" scrape or a query without history reads as {signal.fallback:g}",
                "remove it: the HPA takes no replica away for a metric without a value",
            )


def _sums(facts: Facts) -> Iterator[LintFinding]:
    """`sum-as-value`: no sum over pods is compared as a plain Value."""
    for signal in facts.signals:
        if signal.aggregation == "sum" and signal.target_type == "Value":
            yield finding_at(
                facts.place(signal),
                "sum-as-value",
                "warning",
                f"{signal.metric} is a sum over pods, of type Value: the HPA multiplies sum /"
                " target by the pods that are ready",
                "use AverageValue, which shares the sum out over the replicas",
            )


def _summed_accelerators(facts: Facts) -> Iterator[LintFinding]:
    """`summed-accelerators`: a target for one accelerator is not compared with a pod's sum."""
    count = facts.resolved.accelerators_per_replica
    for signal in facts.signals:
        series = accelerator_series(facts, signal)
        summed = signal.aggregation == "sum" and signal.target_type == "AverageValue"
        if series is None or not summed or count < 2 or series.info.maximum is None:
            continue
        one = series.info.maximum(facts.resolved.limits)
        target = signal.target_value
        if not 0 < target < one:
            continue
        yield finding_at(
            facts.place(signal),
            "summed-accelerators",
            "warning",
            f"{signal.metric} has a series for each of a pod's {count} accelerators, and"
            " AverageValue divides their sum by pods:"
            f" {_written(signal, target)} is {_written(signal, target / count)} for each"
            " accelerator",
            f"if each is meant, write {_written(signal, count * target)} ({count} x"
            f" {_written(signal, target)}), or reducer: REDUCE_MEAN in the selector with type"
            " Value",
        )


def _written(signal: Signal, target: float) -> str:
    return memory_quantity(target) if signal.unit == "bytes" else f"{target:.4g}"


_SMALLEST_MEMORY_BYTES = 2.0**20
"""No server's memory is under it: who writes less thinks of percent or of GiB."""


def _units(facts: Facts) -> Iterator[LintFinding]:
    """`target-unit`: a target that any use exceeds is in another unit than its metric."""
    for signal in facts.signals:
        hint = "" if is_resource(signal) else _other_unit(signal)
        if hint:
            yield finding_at(
                facts.place(signal),
                "target-unit",
                "fail",
                f"unit mismatch: {signal.metric} counts in {signal.unit}, and anything exceeds a"
                f" target of {signal.target_value:g}",
                hint,
            )


def _other_unit(signal: Signal) -> str:
    """Return what may be meant by a target that is too low for its metric's unit, else nothing."""
    target = signal.target_value
    if signal.unit == "percent" and 0 < target <= 1:
        return f"did you mean {100 * target:g}?"
    if signal.unit == "bytes" and 0 < target < _SMALLEST_MEMORY_BYTES:
        return "write bytes, such as 40Gi"
    return ""


def _conflicting(facts: Facts) -> Iterator[LintFinding]:
    """`conflicting-signals`: no queue stands beside the accelerator's memory."""
    queues = [signal for signal in facts.signals if is_queue(signal)]
    for signal in facts.signals:
        series = accelerator_series(facts, signal)
        if series is None or not is_memory(series) or not queues:
            continue
        yield finding_at(
            facts.place(signal),
            "conflicting-signals",
            "warning",
            f"{signal.metric} rises before {queues[0].metric} does: the HPA goes by the metric that"
            " asks for most, so the queue's target hardly ever decides",
            f"scale on {queues[0].metric} alone, or on the memory alone",
        )


_SAYS_THAT_NOT_HOW_MUCH = frozenset({"duty_cycle", "DCGM_FI_DEV_GPU_UTIL",
                                     "DCGM_FI_PROF_GR_ENGINE_ACTIVE"})  # fmt: skip
"""Figures of the time in which anything ran: near 100 % from a tenth of the capacity on."""


def _busy(facts: Facts) -> Iterator[LintFinding]:
    """`busy-not-load`: the HPA does not scale on whether anything runs."""
    for signal in facts.signals:
        what = _busy_figure(facts, signal)
        if what:
            yield finding_at(
                facts.place(signal),
                "busy-not-load",
                "warning",
                f"{signal.metric} is {what}: it says that the server works, not how much",
                "scale on the requests that a server runs or holds in its queue",
            )


def _busy_figure(facts: Facts, signal: Signal) -> str:
    """Return what a signal is if it tells no load, else nothing."""
    if is_resource(signal):
        return "the pods' CPU" if signal.metric == "cpu" else ""
    series = accelerator_series(facts, signal)
    if series is not None and series.origin in _SAYS_THAT_NOT_HOW_MUCH:
        return "the time in which an accelerator did anything"
    return ""


RULES = (
    LintRule(
        "missing-as-number",
        "Is a metric without data left without a value?",
        "warning",
        "missing is not zero: a number in its place takes servers away that are busy",
        _fallbacks,
    ),
    LintRule(
        "sum-as-value",
        "Is a sum over pods shared out over the replicas?",
        "warning",
        "with type Value the wish grows with the pods that are ready, and runs away to maxReplicas;"
        " meant it may be for a backlog that has to go to the target as a whole",
        _sums,
    ),
    LintRule(
        "target-unit",
        "Is the target in the unit of its metric?",
        "fail",
        "85 % is 85 to a metric in percent and 0.85 to one in fractions, memory is in bytes: a"
        " target far below all that the metric shows adds replicas until maxReplicas",
        _units,
    ),
    LintRule(
        "summed-accelerators",
        "Is the target of an accelerator's metric one for all accelerators of a pod?",
        "warning",
        "each accelerator has a series, their sum is shared out over pods: a target for one of them"
        " asks for as many times the replicas",
        _summed_accelerators,
    ),
    LintRule(
        "conflicting-signals",
        "Does a queue's target stand without one for the accelerator's memory?",
        "warning",
        "memory fills before a queue forms, so it decides alone and takes away the queue's thrift",
        _conflicting,
    ),
    LintRule(
        "busy-not-load",
        "Does the HPA scale on how much is done, not on whether anything is?",
        "warning",
        "duty cycle, GPU utilization and CPU are high as soon as a server works and can't tell a"
        " tenth of its capacity from all of it",
        _busy,
    ),
)
