"""The canary's verdict: a dead pipeline of the harness is told from a policy that reads nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from factories import make_plan, make_recording, make_scenario, make_series

from scalecert.checks.canary import (
    LEAST_CANARY,
    pipeline_failure,
    settled_after_seconds,
    stale_after_seconds,
)
from scalecert.checks.finding import Verdict
from scalecert.checks.judge import judge
from scalecert.metrics.conditions import MetricConditions
from scalecert.recording.model import Recording
from scalecert.units import Duration

SYNCS = 80
"""Every 15 s for 20 minutes, the first at 15 s."""


def name_of(path: str) -> str:
    return f"sync.canary.{path}.age_seconds"


def healthy() -> np.ndarray:
    """Return ages of a pipeline that answers from the first sync on."""
    return np.full(SYNCS, 19.9)


def recorded(*events: dict[str, object], **ages: np.ndarray) -> Recording:
    """Return a good run with canaries on paths (written with `_` for `-`)."""
    canaries = {name_of(path.replace("_", "-")): column for path, column in ages.items()}
    return make_recording(
        plan=make_plan(checks=["no-request-lost"]), series=make_series() | canaries, events=events
    )


def test_limits_follow_the_conditions() -> None:
    """Two intervals and the delays until it is stale; discovery, scrape, delay, relist at first."""
    assert stale_after_seconds(MetricConditions()) == pytest.approx(35.05)
    assert settled_after_seconds(MetricConditions()) == pytest.approx(85.05)
    slow = MetricConditions(ingestion_delay=Duration(100.0), resource_resolution=Duration(60.0))
    assert stale_after_seconds(slow) == pytest.approx(220.05)
    assert settled_after_seconds(slow) == pytest.approx(180.05)


def test_a_world_without_a_canary_has_no_pipeline_to_doubt() -> None:
    """Nothing is said of what was not recorded."""
    assert pipeline_failure(recorded()) == ""


def test_fresh_heartbeats_are_a_living_pipeline() -> None:
    """Also where the first came only after discovery and the adapter's relist."""
    ages = healthy()
    ages[:4] = np.nan
    assert pipeline_failure(recorded(google_custom=ages)) == ""


def test_an_old_heartbeat_that_is_still_served_says_that_nothing_was_scraped() -> None:
    """The death is dated to the newest heartbeat, not to the sync that noticed."""
    ages = healthy()
    ages[20:40] = 40.0 + 15.0 * np.arange(20)  # syncs at 315 s to 600 s
    assert pipeline_failure(recorded(google_custom=ages)) == (
        "the harness's own metric pipeline (google-custom) was dead from 275 s to 615 s, 20 of 80"
        " syncs: nothing was scraped, the newest heartbeat was 40 s old and still served"
    )


def test_no_answer_is_told_with_what_the_api_said() -> None:
    """The error is the one in force when the gap began, until the run's end if it never healed."""
    ages = healthy()
    ages[60:] = np.nan  # from 915 s on
    events = [
        {"time": 15.0, "kind": "canary", "path": "resource", "error": "other"},
        {"time": 915.000001, "kind": "canary", "path": "google-custom", "error": "503\nno"},
        {"time": 1000.0, "kind": "canary", "path": "google-custom", "error": "later"},
    ]
    assert pipeline_failure(recorded(*events, google_custom=ages)) == (
        "the harness's own metric pipeline (google-custom) was dead from 915 s to the end of the"
        " run, 20 of 80 syncs: the metrics API had no answer (503 no)"
    )


def test_a_pipeline_that_never_lived_is_dead_from_the_start() -> None:
    """Syncs before a first answer can be expected do not count."""
    message = pipeline_failure(recorded(prometheus_custom=np.full(SYNCS, np.nan)))
    assert "dead from the start of the run to the end of the run, 75 of 75 syncs" in message


@pytest.mark.parametrize(("lost", "alive"), [(4, True), (5, False)])
def test_a_short_outage_does_not_spoil_a_run(lost: int, alive: bool) -> None:
    """One sync in twenty may be lost, as a policy's own metric may."""
    ages = healthy()
    ages[30 : 30 + lost] = np.nan
    assert (1 - lost / SYNCS >= LEAST_CANARY) is alive
    assert (pipeline_failure(recorded(google_custom=ages)) == "") is alive


def test_several_gaps_are_told_by_the_longest() -> None:
    """Small ones add up, and are said to be there."""
    ages = healthy()
    ages[10:12] = ages[30:34] = np.nan
    message = pipeline_failure(recorded(google_custom=ages))
    assert "dead from 465 s to 525 s, 6 of 80 syncs with shorter gaps" in message


def test_the_worst_path_counts() -> None:
    """A policy of two kinds of metric needs both paths."""
    dead = np.full(SYNCS, np.nan)
    message = pipeline_failure(recorded(google_custom=healthy(), prometheus_custom=dead))
    assert "(prometheus-custom)" in message


def test_a_run_too_short_for_a_first_answer_proves_nothing() -> None:
    """No answer was due, none came: that is no living pipeline."""
    plan = make_plan(scenario=make_scenario(checks=["no-request-lost"], duration=60.0))
    series = {"sync.time_seconds": np.array([15.0, 30.0]), name_of("resource"): np.full(2, np.nan)}
    message = pipeline_failure(make_recording(plan=plan, series=series))
    assert message.startswith("the run ended before the harness's canary could arrive")


def test_a_heartbeat_from_the_future_is_none() -> None:
    """A clock that is minutes off proves nothing about freshness."""
    assert "dead" in pipeline_failure(recorded(google_custom=np.full(SYNCS, -300.0)))


def test_a_canary_that_cannot_be_read_makes_findings_inconclusive() -> None:
    """Judging does not crash on it, and does not pass over it."""
    series = make_series() | {name_of("google-custom"): healthy()[:3]}
    plan = make_plan(checks=["no-request-lost"])
    _, finding = judge(make_recording(plan=plan, series=series))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.message.startswith("the recording can't be read: IndexError")


def test_conditions_of_the_scenario_are_what_the_limits_come_from() -> None:
    """A scenario of slow ingestion has old heartbeats, and they are fresh for it."""
    scenario = make_scenario(checks=[], cluster={"metrics": {"ingestionDelay": "100s"}})
    series = make_series() | {name_of("google-custom"): np.full(SYNCS, 120.0)}
    slow = make_recording(plan=make_plan(scenario=scenario), series=series)
    assert pipeline_failure(slow) == ""
    usual = msgspec.structs.replace(slow.plan, scenario=make_scenario(checks=[]))
    assert "dead" in pipeline_failure(make_recording(plan=usual, series=series))
