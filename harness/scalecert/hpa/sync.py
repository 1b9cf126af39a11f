"""One sync of one HPA: what goes in, what comes out, and the notes taken in between.

The in and out types are frozen; `SyncNotes` is the controller's scratch pad while it reconciles.
Times are integer milliseconds of the caller's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from scalecert.errors import ScaleCertError
from scalecert.hpa.conditions import Event, EventType, set_condition_in_list
from scalecert.hpa.status import (
    ConditionType,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
    MetricStatus,
    MetricValueStatus,
)
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, MetricTargetType


class Scale(msgspec.Struct, frozen=True):
    """The scale subresource of the target."""

    spec_replicas: int
    status_replicas: int
    selector: str


class SyncTimes(msgspec.Struct, frozen=True):
    """When things happened in a sync that takes time; without it, all of a sync is one moment.

    Args:
        metrics_returned_ms: for each metric in turn, when its answer had come in.
        scaled_ms: when the scale had been written.
    """

    metrics_returned_ms: tuple[int, ...] = ()
    scaled_ms: int | None = None


class ApiFaults(msgspec.Struct, frozen=True):
    """What the API server refuses in this sync: error texts, None where all is well.

    `scale_conflicts` is how many writes of the scale in a row meet a conflict; five in all are
    tried, 10 ms apart.
    """

    get_scale: str | None = None
    update_scale: str | None = None
    scale_conflicts: int = 0
    scale_conflict_text: str = "the object has been modified"
    update_status: str | None = None


NO_FAULTS: Final = ApiFaults()
NO_TIME_TAKEN: Final = SyncTimes()


class ActionLabel(StrEnum):
    """What a sync, or one metric in it, did (the label of the controller's own metrics)."""

    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    NONE = "none"


class ErrorLabel(StrEnum):
    """Whose fault an error was: the spec's, or not."""

    SPEC = "spec"
    INTERNAL = "internal"
    NONE = "none"


class MetricProposal(msgspec.Struct, frozen=True):
    """What one metric of the spec proposed.

    Args:
        type: source type.
        name: as the controller names it in events ("" on error).
        replicas: the proposed count; None on error.
        current: the measured value; None on error.
        error: why there is none.
        action: which way the proposal goes from status.currentReplicas.
        error_label: whose fault the error was.
    """

    type: str
    name: str
    replicas: int | None
    current: MetricValueStatus | None
    error: str | None
    action: ActionLabel
    error_label: ErrorLabel

    def value(self, target_type: str) -> float | None:
        """Return the measured value in the unit of such a target (percent for utilization)."""
        if self.current is None:
            return None
        if target_type == MetricTargetType.UTILIZATION:
            percent = self.current.average_utilization
            return None if percent is None else float(percent)
        averaged = target_type == MetricTargetType.AVERAGE_VALUE
        quantity = self.current.average_value if averaged else self.current.value
        return None if quantity is None else quantity.milli_value / 1000


class SyncOutcome(msgspec.Struct, frozen=True):
    """What one sync did.

    Args:
        replicas: the spec.replicas that was written to the target; None: it was left alone.
        desired_replicas: what the sync wished for, also where writing it failed; the current
            count where it did not get that far.
        status: the HPA's status as the API server now has it.
        events: in the order of emission.
        error: what reconcile returns (also beside a successful rescale); None if nothing.
        proposals: per metric of the spec, in order; empty where metrics were not computed.
        action: which way the target was scaled.
        error_label: whose fault the error was.
    """

    replicas: int | None
    desired_replicas: int
    status: HorizontalPodAutoscalerStatus
    events: tuple[Event, ...]
    error: str | None
    proposals: tuple[MetricProposal, ...]
    action: ActionLabel
    error_label: ErrorLabel


class SyncError(ScaleCertError):
    """A sync can't go on; the text is its error.

    Args:
        text: what the controller logs.
        metrics: the metrics' statuses, as far as they are known.
        label: whose fault it is.
    """

    def __init__(
        self,
        text: str,
        metrics: tuple[MetricStatus, ...] = (),
        label: ErrorLabel = ErrorLabel.INTERNAL,
    ) -> None:
        self.metrics, self.label = metrics, label
        super().__init__(text)


def action_label(proposed_replicas: int, current_replicas: int) -> ActionLabel:
    """Return which way the proposal goes."""
    if proposed_replicas == current_replicas:
        return ActionLabel.NONE
    return ActionLabel.SCALE_UP if proposed_replicas > current_replicas else ActionLabel.SCALE_DOWN


@dataclass(slots=True)
class SyncNotes:
    """The scratch pad of one sync: conditions and events so far, and what time it is."""

    key: str
    spec: HorizontalPodAutoscalerSpec
    before: HorizontalPodAutoscalerStatus
    times: SyncTimes
    faults: ApiFaults
    now_ms: int
    conditions: list[HorizontalPodAutoscalerCondition]
    events: list[Event] = field(default_factory=list)
    proposals: list[MetricProposal] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """The HPA's namespace."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The HPA's name."""
        return self.key.rpartition("/")[2]

    @property
    def reference(self) -> str:
        """The scale target as messages name it."""
        target = self.spec.scale_target_ref
        return f"{target.kind}/{self.namespace}/{target.name}"

    def metric_returns(self, index: int) -> None:
        """Move the time to when the answer to the metric at `index` had come in."""
        if index < len(self.times.metrics_returned_ms):
            self.now_ms = self.times.metrics_returned_ms[index]

    def warn(self, reason: str, message: str) -> None:
        """Emit a Warning event."""
        self.events.append(Event(EventType.WARNING, reason, message))

    def set_condition(self, kind: ConditionType, status: str, reason: str, message: str) -> None:
        """Set a condition at the present time; `status` is "True" or "False"."""
        set_condition_in_list(self.conditions, kind, status, reason, message, now_ms=self.now_ms)

    def remove_condition(self, kind: ConditionType) -> None:
        """Remove a condition, if it is there."""
        self.conditions = [one for one in self.conditions if one.type != kind]
