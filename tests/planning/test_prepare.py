"""From a policy and a scenario to a trial: what a run that is off the engine profile changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from factories import make_scenario

from scalecert.bundled import bundled
from scalecert.pipeline import Inputs, Subject, subjects
from scalecert.planning.prepare import prepare
from scalecert.planning.subject import varied
from scalecert.planning.trial import Trial
from scalecert.planning.unit_of_load import EngineStarter, ObjectiveOutOfReach
from scalecert.recording.plan import SuiteRef, Variation
from scalecert.recording.variations import guard_band, nominal

POLICIES = bundled("fixtures", "policies")
POLICY = str(POLICIES / "vllm-num-requests-running.yaml")
SUITE = SuiteRef("test", "0", "")
IN_CAPACITY, ABSOLUTE = "0.4 max", "6/s"
OFF = Variation(name="slow", seed=1, prefill=1.3, decode=1.2, startup=1.5)


def subject_of(objective: str = "ttft_p95=2s,tpot_p95=100ms", **inputs: Any) -> Subject:
    """Return a shipped policy on an L4, whose estimated profile may be 30 % off."""
    (subject,) = subjects(Inputs((POLICY,), objective=objective, **inputs))
    return subject


def trial_of(
    subject: Subject, variation: Variation | None = None, *, rate: str = ABSOLUTE, **spec: Any
) -> Trial:
    """Return a trial of two minutes."""
    workload = {
        "rate": {"shape": "constant", "rate": rate},
        "sizes": {
            "input": {"distribution": "fixed", "tokens": 256},
            "output": {"distribution": "fixed", "tokens": 128},
        },
    }
    scenario = make_scenario(checks=["no-request-lost"], duration=120.0, workload=workload, **spec)
    return prepare(subject, scenario, POLICIES, SUITE, variation)


def planned_per_second(trial: Trial) -> float:
    """Return the rate of a constant load."""
    return trial.plan.load.segments[0].rate_start


@pytest.fixture(scope="module")
def pinned() -> Subject:
    """Return the policy with a pinned capacity, so that nothing has to be searched."""
    return subject_of(capacity_per_second=1.8)


@pytest.fixture(scope="module")
def searched() -> dict[str, Trial]:
    """Return a run at the profile's costs and at both corners, its load in units of capacity."""
    subject = subject_of()
    band = {one.name: one for one in guard_band(subject.seed, subject.errors)}
    return {
        name: trial_of(subject, band[name], rate=IN_CAPACITY) for name in ("seed-1", "slow", "fast")
    }


def test_by_default_it_is_the_users_seed_at_the_profiles_costs() -> None:
    """What `scalecert run` records."""
    trial = trial_of(subject_of(capacity_per_second=1.8, seed=5))
    assert trial.plan.variation == nominal(5)
    assert trial.plan.seed == 5


def test_servers_are_off_by_the_variations_factors(pinned: Subject) -> None:
    """Costs and start-up of what runs; the plan names the profile that the user has."""
    trial, plain = trial_of(pinned, OFF), trial_of(pinned)
    spec = pinned.resolved.profile.spec
    assert isinstance(trial.start_engine, EngineStarter)
    started = trial.start_engine.resolved.profile.spec
    assert started.costs == spec.costs.scaled(prefill=1.3, decode=1.2)
    assert trial.timing.model_load_seconds == pytest.approx(1.5 * spec.startup.model_load_seconds)
    assert trial.plan.startup_seconds > plain.plan.startup_seconds
    assert trial.plan.variation == OFF
    assert trial.plan.engine == plain.plan.engine


def test_at_the_profiles_costs_nothing_is_copied(pinned: Subject) -> None:
    """A seed is no reason to touch the profile."""
    assert varied(pinned.resolved, nominal(3)) is pinned.resolved


def test_a_start_up_that_the_scenario_states_is_not_the_profiles(pinned: Subject) -> None:
    """The profile's error says nothing of the author's own figure."""
    trial = trial_of(pinned, OFF, cluster={"startup": {"modelLoad": "60s"}})
    assert trial.timing.model_load_seconds == 60.0


def test_a_seed_draws_its_own_requests_and_a_corner_keeps_the_first_ones(pinned: Subject) -> None:
    """So that of two runs either the arrivals differ or the engine."""
    first, second = trial_of(pinned, nominal(1)), trial_of(pinned, nominal(2))
    slow = trial_of(pinned, OFF)
    arrivals = first.requests.arrival_seconds
    assert np.array_equal(slow.requests.arrival_seconds, arrivals)
    assert not np.array_equal(second.requests.arrival_seconds, arrivals)


def test_load_in_units_of_capacity_follows_the_corners_capacity(searched: dict[str, Trial]) -> None:
    """A slow server carries less, and 40 % of ten of them is less: the share stays."""
    capacity = {name: one.plan.capacity.requests_per_second for name, one in searched.items()}
    assert capacity["slow"] < 0.9 * capacity["seed-1"] < capacity["seed-1"] < capacity["fast"]
    for name, trial in searched.items():
        assert planned_per_second(trial) == pytest.approx(0.4 * 10 * capacity[name])


def test_what_is_known_before_a_run_follows_it_too(searched: dict[str, Trial]) -> None:
    """The fewest replicas for 40 % of the fleet are four of any speed."""
    for trial in searched.values():
        assert set(trial.plan.fluid_minimum.replicas) == {4}


def test_absolute_rates_stay(pinned: Subject) -> None:
    """Six requests a second are six, however fast the servers are."""
    assert planned_per_second(trial_of(pinned, OFF)) == 6.0


def test_a_pinned_capacity_stays(pinned: Subject) -> None:
    """Somebody has measured it: an error of the profile does not move it, nor the load."""
    trial = trial_of(pinned, OFF, rate=IN_CAPACITY)
    assert trial.plan.capacity.requests_per_second == 1.8
    assert planned_per_second(trial) == pytest.approx(0.4 * 10 * 1.8)


def test_a_corner_below_the_pinned_capacity_is_no_usage_error(pinned: Subject) -> None:
    """Only the profile's own costs tell that a measured capacity does not fit the profile."""
    far = Variation(name="slow", seed=1, prefill=3.0, decode=3.0)
    trial = trial_of(pinned, far, rate=IN_CAPACITY)
    assert trial.plan.capacity.saturated_per_second < 1.8
    assert planned_per_second(trial) == pytest.approx(0.4 * 10 * 1.8)


def test_a_corner_that_can_not_hold_the_objective_idle_has_the_profiles_load() -> None:
    """It runs all the same, and shows by how much it misses."""
    subject = subject_of("ttft_p95=2s,tpot_p95=70ms")
    slow = Variation(name="slow", seed=1, prefill=1.3, decode=1.3)
    plain = trial_of(subject, rate=IN_CAPACITY)
    trial = trial_of(subject, slow, rate=IN_CAPACITY)
    assert trial.plan.capacity == plain.plan.capacity
    assert planned_per_second(trial) == planned_per_second(plain)
    assert np.array_equal(trial.requests.arrival_seconds, plain.requests.arrival_seconds)


def test_an_objective_out_of_the_profiles_reach_is_refused() -> None:
    """Without a corner there is no other load to fall back to."""
    with pytest.raises(ObjectiveOutOfReach, match="loosen the limit"):
        trial_of(subject_of("ttft_p95=2s,tpot_p95=20ms"), rate=IN_CAPACITY)


def test_the_plan_bounds_the_signal_by_the_requests_sizes(pinned: Subject) -> None:
    """Where 256 tokens in fill the cache before all seats are taken: the checks read it there."""
    plans = [trial_of(pinned, one).plan for one in (None, OFF)]
    for plan in plans:
        (signal,) = plan.signals
        assert signal.usual_maximum is not None
        assert signal.maximum is not None
        assert signal.usual_maximum.value < signal.maximum
        assert signal.usual_maximum.input_tokens == 256.0
    assert plans[0].signals == plans[1].signals
