"""Certificates of runs on the clock: pace, lateness and streaming are said, in every rendering."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import jsonschema
import numpy as np
import pytest
from factories import make_plan, make_policy, make_recording, make_requests, make_runs
from msgspec.structs import replace

from scalecert.certificate import junit, text
from scalecert.certificate.document import Certificate, issue
from scalecert.certificate.statement import statement
from scalecert.checks.judge import judge
from scalecert.cli import schemas
from scalecert.documents import canonical_json
from scalecert.errors import HarnessBug
from scalecert.recording.plan import Plan, WallClock
from scalecert.recording.runs import RecordedRun

DATE = "2026-01-01T00:00:00Z"
CLOCK = WallClock(
    time_lapse=3,
    not_scaled=("Prometheus takes up new targets within 5 s of the clock, 15 s of the run.",),
    streamed_share=0.5,
    components={"kubernetes": "v1.36.3", "prometheus": "2.42.0"},
)


def clock_plan(**changes: object) -> Plan:
    facts: dict[str, object] = {"world": "local", "wall_clock": CLOCK, "checks": ["ttft-objective"]}
    return make_plan(**{**facts, **changes})


def certificate(delay: float = 0.002, *, plan: Plan | None = None) -> Certificate:
    """Return the certificate of a run whose requests were all sent this late."""
    plan = plan or clock_plan()
    requests = make_requests()
    requests["sent_seconds"] = requests["arrival_seconds"] + delay
    requests["streamed"] = (np.arange(requests["arrival_seconds"].size) % 2).astype(np.int8)
    findings = judge(make_recording(plan=plan, requests=requests))
    return issue("vllm", make_runs(plan), findings, DATE)


def test_pace_lateness_and_streaming_are_on_it() -> None:
    """Time lapse, what was not scaled, versions; how late the load was, and how much was seen."""
    facts = certificate().spec.wall_clock
    assert (facts.time_lapse, facts.streamed_share) == (3, 0.5)
    assert facts.not_scaled == CLOCK.not_scaled
    assert facts.components == CLOCK.components
    assert facts.schedule_delay_seconds == pytest.approx(0.002)
    assert facts.achieved_to_asked == pytest.approx(1.0)


def test_virtual_time_has_none_of_it() -> None:
    """There no process is late, and nothing is left out."""
    plan = make_plan(checks=["ttft-objective"])
    issued = issue("vllm", make_runs(plan), judge(make_recording(plan=plan)), DATE)
    assert issued.spec.wall_clock is None
    assert "clock" not in text.summary(issued).split("valid for")[0]


def test_the_least_share_of_any_run_counts() -> None:
    """One run that saw less is what the certificate says."""
    plan = clock_plan()
    first, *others = make_runs(plan)
    less = replace(
        plan, wall_clock=replace(CLOCK, streamed_share=0.2), variation=first.plan.variation
    )
    runs = (RecordedRun(less, "sha256:3"), *others)
    assert issue("vllm", runs, (), DATE).spec.wall_clock.streamed_share == 0.2


def test_a_generator_without_a_figure_has_none() -> None:
    """Requests that were never sent are infinitely late: there is no longest delay."""
    facts = certificate(np.nan).spec.wall_clock
    assert facts.schedule_delay_seconds is None
    assert facts.achieved_to_asked == 0.0


def test_the_terminal_shows_it() -> None:
    """Level in words, pace, load and what was not scaled, in 100 columns."""
    lines = text.summary(certificate()).splitlines()
    assert lines[1] == "T1         local in time lapse, 3 times as fast, estimated profile"
    block = lines[2 : next(i for i, line in enumerate(lines) if line.startswith("valid for"))]
    assert block[0] == "clock      pace      3 times as fast as the clock"
    assert block[1].split("load", 1)[1].strip() == (
        "sent 2 ms late (p99), 100 % of the asked rate, 50 % of the requests streamed"
    )
    assert "kubernetes v1.36.3, prometheus 2.42.0" in block[2]
    assert block[3].strip().startswith("unscaled  Prometheus takes up new targets")
    assert max(map(len, lines)) <= 100


def test_the_other_renderings_say_the_pace() -> None:
    """JUnit has it per scenario, the statement in its predicate, and the schema knows it."""
    issued = certificate()
    suite = ET.fromstring(junit.render(issued)).find("testsuite")  # noqa: S314 - our own
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["assurance"].startswith("T1 (local in time lapse")
    assert (properties["timeLapse"], properties["streamedShare"]) == ("3", "0.5")
    assert statement(issued, b"", "certificate.json").predicate.time_lapse == 3
    jsonschema.validate(json.loads(canonical_json(issued)), schemas.schema("certificate"))


@pytest.mark.parametrize(
    "other",
    [
        {"world": "sim", "wall_clock": None},
        {"wall_clock": replace(CLOCK, time_lapse=5)},
        {"policy": make_policy(digest="sha256:edited")},
    ],
)
def test_runs_of_several_worlds_make_no_certificate(other: dict[str, object]) -> None:
    """Neither worlds nor paces nor policies are mixed."""
    runs = make_runs(clock_plan())
    mixed = (*runs, *make_runs(clock_plan(**other)))
    with pytest.raises(HarnessBug, match="do not make one certificate"):
        issue("vllm", mixed, (), DATE)
