"""Elasticity by SPEC RG's metrics: ready replicas against the clairvoyant minimum.

Supply s(t) are the ready replicas, demand d(t) the fewest that hold the objective if the load is
known ahead (`Plan.clairvoyant_minimum`); a plan without it has no findings here. The metrics are
those of N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud
Metrics", SPEC-RG-2016-01 (2016), as shares instead of percent. docs/elasticity.md has them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from scalecert.checks import advice
from scalecert.checks.finding import format_measure
from scalecert.checks.registry import Outcome, check
from scalecert.checks.timeline import changes, replicas, run
from scalecert.recording.intervals import StepFunction
from scalecert.recording.model import Recording
from scalecert.recording.quantiles import Floats
from scalecert.units import times

_SOURCE = "SPEC RG Cloud, SPEC-RG-2016-01 (Herbst et al., 2016)"


@dataclass(frozen=True, slots=True)
class _Curves:
    """Supply and demand over the run, piece by piece.

    Attributes:
        seconds: length of each piece.
        supply: ready replicas in it.
        demand: clairvoyant minimum in it, 1 at least.
    """

    seconds: Floats
    supply: Floats
    demand: Floats

    @property
    def missing(self) -> Floats:
        """Replicas fewer than the demand."""
        return np.maximum(self.demand - self.supply, 0.0)

    @property
    def spare(self) -> Floats:
        """Replicas more than the demand."""
        return np.maximum(self.supply - self.demand, 0.0)

    def mean(self, values: Floats) -> float:
        """Return the mean over time."""
        return float(np.dot(values, self.seconds) / self.seconds.sum())

    def accuracy(self, difference: Floats) -> float:
        """Return the mean over time of a difference as a share of the demand."""
        return self.mean(difference / self.demand)

    def timeshare(self, difference: Floats) -> float:
        """Return the share of time with a difference."""
        return self.mean(np.sign(difference))


def _demand(recording: Recording) -> StepFunction | None:
    found = recording.plan.clairvoyant_minimum
    if found is None:
        return None
    starts = np.arange(len(found.replicas), dtype=np.float64) * found.bin_seconds
    return StepFunction(starts, np.array(found.replicas, dtype=np.float64))


def _curves(recording: Recording) -> _Curves | None:
    demand, whole = _demand(recording), run(recording.plan)
    if demand is None or whole.length_seconds <= 0:
        return None
    supply = replicas(recording, "ready")
    times = np.unique(np.concatenate((demand.times, supply.times, [0.0])))
    times = times[(times >= 0.0) & (times < whole.end_seconds)]
    return _Curves(
        seconds=np.diff(np.append(times, whole.end_seconds)),
        supply=np.array([supply.at(time) for time in times.tolist()]),
        demand=np.array([demand.at(time) for time in times.tolist()]),
    )


def _evidence(curves: _Curves) -> dict[str, Any]:
    return {
        "meanReady": curves.mean(curves.supply),
        "meanClairvoyant": curves.mean(curves.demand),
    }


@check(
    id="under-provisioning",
    title="Under-provisioning accuracy",
    question="How much of what a clairvoyant would have ready is missing?",
    formula="theta_U = 1/T integral of max(d - s, 0) / d dt; s ready replicas, d clairvoyant"
    " minimum",
    source=f"{_SOURCE}, provisioning accuracy; limit: own figure, a tripled load that goes two to"
    " three minutes without two thirds of its replicas in half an hour",
    unit="share",
    default_limit=0.05,
    level="extended",
)
def under_provisioning(recording: Recording, _limit: float) -> Outcome | None:
    """Judge the missing replicas as a share of the demand."""
    curves = _curves(recording)
    if curves is None:
        return None
    share = curves.accuracy(curves.missing)
    return Outcome(
        measured=share,
        message=f"{format_measure(share, 'share')} of the clairvoyant minimum was missing",
        next_step=advice.for_slow_reaction(recording),
        evidence={**_evidence(curves), "meanMissing": curves.mean(curves.missing)},
    )


@check(
    id="over-provisioning",
    title="Over-provisioning accuracy",
    question="How much is ready beyond what a clairvoyant would have ready?",
    formula="theta_O = 1/T integral of max(s - d, 0) / d dt; s ready replicas, d clairvoyant"
    " minimum",
    source=f"{_SOURCE}, provisioning accuracy; limit: own figure, that of accelerator-hours (2 x"
    " the minimum)",
    unit="share",
    default_limit=1.0,
    level="extended",
)
def over_provisioning(recording: Recording, limit: float) -> Outcome | None:
    """Judge the spare replicas as a share of the demand."""
    curves = _curves(recording)
    if curves is None:
        return None
    share = curves.accuracy(curves.spare)
    return Outcome(
        measured=share,
        message=f"{format_measure(share, 'share')} more than the clairvoyant minimum was ready",
        next_step=advice.raise_target(recording, (1.0 + share) / (1.0 + limit)),
        evidence={**_evidence(curves), "meanSpare": curves.mean(curves.spare)},
    )


@check(
    id="under-provisioned-time",
    title="Under-provisioned time",
    question="For how much of the run are fewer replicas ready than a clairvoyant would have?",
    formula="tau_U = 1/T integral of max(sgn(d - s), 0) dt; s ready replicas, d clairvoyant"
    " minimum",
    source=f"{_SOURCE}, provisioning timeshare; limit: own figure, the four and a half minutes of"
    " half an hour in which a policy may follow its load",
    unit="share",
    default_limit=0.15,
    level="extended",
)
def under_provisioned_time(recording: Recording, _limit: float) -> Outcome | None:
    """Judge the time with missing replicas."""
    curves = _curves(recording)
    if curves is None:
        return None
    share = curves.timeshare(curves.missing)
    return Outcome(
        measured=share,
        message=f"fewer replicas than the clairvoyant minimum for {format_measure(share, 'share')}"
        " of the run",
        next_step=advice.for_slow_reaction(recording),
        evidence={**_evidence(curves), "mostMissing": float(curves.missing.max())},
    )


@check(
    id="over-provisioned-time",
    title="Over-provisioned time",
    question="For how much of the run are more replicas ready than a clairvoyant would have?",
    formula="tau_O = 1/T integral of max(sgn(s - d), 0) dt; s ready replicas, d clairvoyant"
    " minimum",
    source=f"{_SOURCE}, provisioning timeshare; no limit of its own: headroom is a replica more"
    " than the minimum most of the time, and over-provisioning says how much it is",
    unit="share",
    default_limit=1.0,
    level="extended",
)
def over_provisioned_time(recording: Recording, limit: float) -> Outcome | None:
    """Judge the time with spare replicas."""
    curves = _curves(recording)
    if curves is None:
        return None
    share = curves.timeshare(curves.spare)
    return Outcome(
        measured=share,
        message=f"more replicas than the clairvoyant minimum for {format_measure(share, 'share')}"
        " of the run",
        next_step=advice.raise_target(recording, share / limit if limit > 0 else 2.0),
        evidence={**_evidence(curves), "mostSpare": float(curves.spare.max())},
    )


@check(
    id="jitter",
    title="Jitter",
    question="Does the policy change replicas more often than the load asks for?",
    formula="(E_S - E_D) / T; E_S changes of the ready replicas, E_D of the clairvoyant minimum;"
    " negative: the policy moves less than its load",
    source=f"{_SOURCE}, jitter; limit: own figure, that of scale-events-per-hour",
    unit="changes/h",
    default_limit=20.0,
    level="extended",
)
def jitter(recording: Recording, _limit: float) -> Outcome | None:
    """Judge how many more changes there were than needed."""
    found, whole = recording.plan.clairvoyant_minimum, run(recording.plan)
    if found is None or whole.length_seconds <= 0:
        return None
    supplied = changes(recording, "ready", whole)
    asked = sum(before != after for before, after in pairwise(found.replicas))
    per_hour = (supplied - asked) / whole.length_seconds * 3600
    return Outcome(
        measured=per_hour,
        message=f"ready replicas changed {times(supplied)}, the clairvoyant minimum {times(asked)}",
        next_step=advice.for_restlessness(recording),
        evidence={"supplyChanges": supplied, "demandChanges": asked},
    )
