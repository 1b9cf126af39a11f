"""Broken harness or broken policy: a dead metric pipeline in a run, and in its verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factories import make_scenario

from scalecert.bundled import bundled
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.judge import judge
from scalecert.pipeline import Inputs, subjects
from scalecert.planning.prepare import prepare
from scalecert.recording.model import Recording
from scalecert.recording.plan import SuiteRef
from scalecert.worlds.sim import SimWorld

POLICY = bundled("fixtures", "policies") / "vllm-num-requests-running.yaml"
METRIC = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
DURATION = 1200.0
CHECKS = ["signal-present", "ttft-objective", "no-request-lost"]
GOOD = METRIC
PROMETHEUS = "vllm:num_requests_running"
INERT = f"{METRIC}\n        selector: {{matchLabels: {{metric.labels.tenant: blue}}}}"
"""The metric exists, the label that is asked for does not."""


@pytest.fixture
def record(tmp_path: Path):
    """Return a function that records a policy reading `metric` under outages of the pipeline."""

    def run(metric: str = GOOD, *outages: tuple[str, float, float]) -> Recording:
        text = POLICY.read_text()
        assert METRIC in text
        file = tmp_path / "policy.yaml"
        file.write_text(text.replace(METRIC, metric))
        inputs = Inputs((str(file),), objective="ttft_p95=2s", capacity_per_second=1.8)
        (subject,) = subjects(inputs)
        sizes = {"distribution": "uniform", "low": 32, "high": 160}
        down = [
            {"part": part, "start": f"{start:g}s", "duration": f"{duration:g}s"}
            for part, start, duration in outages
        ]
        scenario = make_scenario(
            checks=CHECKS,
            duration=DURATION,
            workload={
                "rate": {"shape": "constant", "rate": 1.0},
                "sizes": {"input": sizes, "output": sizes},
            },
            cluster={"metrics": {"outages": down}},
        )
        trial = prepare(subject, scenario, POLICY.parent, SuiteRef("test", "0", ""))
        return SimWorld().run(trial)

    return run


def verdicts(recording: Recording) -> dict[str, Verdict]:
    return {finding.id: finding.verdict for finding in judge(recording)}


def finding(recording: Recording, check_id: str) -> Finding:
    return next(one for one in judge(recording) if one.id == check_id)


@pytest.mark.parametrize("metric", [GOOD, PROMETHEUS])
def test_a_good_policy_on_a_living_pipeline_passes(record, metric):
    """Its canary arrives on the path of its metric, and no pod of the policy's is the canary's."""
    recording = record(metric)
    assert set(verdicts(recording).values()) == {Verdict.PASS}
    (name,) = (one for one in recording.series if "canary" in one)
    path = "google-custom" if metric == GOOD else "prometheus-custom"
    assert name == f"sync.canary.{path}.age_seconds"
    assert not any("canary" in event.get("pod", "") for event in recording.events)
    assert recording.series["pods.created"].max() <= recording.plan.policy.max_replicas


def test_an_inert_policy_fails_while_the_canary_arrives(record):
    """A label that the series never had: inert but green, and the policy's own fault."""
    recording = record(INERT)
    present = finding(recording, "signal-present")
    assert (present.verdict, present.measured) == (Verdict.FAIL, 0.0)
    ages = recording.series["sync.canary.google-custom.age_seconds"]
    assert np.nanmax(ages) < 35.0


@pytest.mark.parametrize("metric", [GOOD, PROMETHEUS, INERT])
@pytest.mark.parametrize("part", ["scrape", "adapter"])
def test_on_a_dead_pipeline_nothing_is_said_of_any_policy(record, metric, part):
    """Good or inert, whichever part is down: inconclusive, never a pass and never a failure."""
    recording = record(metric, (part, 0.0, DURATION + 1.0))
    found = verdicts(recording)
    assert found.pop("generator-on-time") is Verdict.PASS
    assert set(found.values()) == {Verdict.INCONCLUSIVE}
    for check_id in found:
        told = finding(recording, check_id)
        assert told.message.startswith("the harness's own metric pipeline")
        assert "dead from the start of the run to the end of the run" in told.message


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("scrape", "nothing was scraped, the newest heartbeat was"),
        (
            "adapter",
            "the metrics API had no answer (unable to fetch metrics from custom metrics API: the",
        ),
    ],
)
@pytest.mark.parametrize("metric", [GOOD, PROMETHEUS])
def test_a_long_outage_is_told_with_its_part_and_its_times(record, metric, part, told):
    """From the last sign of life, at most 20 s before the outage, to the first sync after it."""
    message = finding(record(metric, (part, 400.0, 300.0)), "signal-present").message
    assert told in message
    words = message.split(" was dead from ")[1].split()
    start, end = float(words[0]), float(words[3])
    assert 380.0 <= start <= 415.0
    # The adapter lists what has come back at its next relist, at most a minute later.
    assert 700.0 <= end <= (735.0 if metric == GOOD or part == "adapter" else 795.0)


@pytest.mark.parametrize("part", ["scrape", "adapter"])
def test_a_short_outage_does_not_spoil_a_run(record, part):
    """Half a minute without an answer is within what any pipeline does."""
    assert set(verdicts(record(GOOD, (part, 400.0, 30.0))).values()) == {Verdict.PASS}


def test_the_autoscaler_sees_stale_values_while_nothing_is_scraped(record):
    """Google's adapter serves the newest point for five minutes as if it were new."""
    recording = record(GOOD, ("scrape", 400.0, 600.0))
    times, values = (recording.series[f"sync.{one}"] for one in ("time_seconds", "metric.0.value"))
    frozen = values[(times > 425.0) & (times < 680.0)]
    assert len(set(frozen)) == 1
    assert not np.isnan(frozen).any()
    assert np.isnan(values[(times > 705.0) & (times < 1000.0)]).all()
    assert not np.isnan(values[times > 1035.0]).any()


def test_the_autoscaler_is_told_that_no_api_answers(record):
    """The HPA's own events name the unavailable API, as a real controller's do."""
    recording = record(GOOD, ("adapter", 400.0, 100.0))
    times, values = (recording.series[f"sync.{one}"] for one in ("time_seconds", "metric.0.value"))
    down = (times >= 400.0) & (times < 500.0)
    assert np.isnan(values[down]).all()
    assert not np.isnan(values[~down & (times > 100.0)]).any()
    said = [event for event in recording.events if event.get("reason") == "FailedGetPodsMetric"]
    assert any(
        event.get("message", "").endswith("(get pods.custom.metrics.k8s.io)") for event in said
    )
