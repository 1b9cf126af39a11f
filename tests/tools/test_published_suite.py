"""Suite published: the experiments' loads for any policy, reported and never decisive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalecert import pipeline
from scalecert.bundled import bundled
from scalecert.planning.prepare import prepare
from scalecert.suite import Suite, find_suite, load_case
from scalecert.workload.rate import resolve
from scalecert.worlds.sim import SimWorld

CASES = ["load-fall", "same-load", "saturation", "surge"]
POLICY = bundled("fixtures", "policies", "vllm-num-requests-running.yaml")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return find_suite("published")


def test_the_suite_has_the_four_loads(suite: Suite):
    """One per experiment; all of it extended, as nobody published an objective."""
    assert [case.id for case in suite.cases] == CASES
    assert suite.level == "extended"
    assert {case.scenario.spec.level for case in suite.cases} == {"extended"}


def test_requests_fit_a_server_that_reserves_their_whole_context(suite: Suite):
    """240 tokens on average at most: 13,600 of KV cache then hold more than 55 of them."""
    for case in suite.cases:
        sizes = case.scenario.spec.workload.sizes
        assert not isinstance(sizes, str)
        mean = [(side.low + side.high) / 2 for side in (sizes.input, sizes.output)]
        assert sum(mean) <= 240
        assert 13_600 / sum(mean) > 1.1 * 50


def rates(suite: Suite, case_id: str, *minutes: float) -> list[float]:
    """Return a scenario's rates as shares of the fleet."""
    case = next(case for case in suite.cases if case.id == case_id)
    curve = resolve(case.scenario.spec.workload.rate, 1.0, 1)
    return [float(curve.at(60.0 * minute)) for minute in minutes]


def test_the_surge_is_by_150_percent_and_falls_back_by_60(suite: Suite):
    """2.5 times the load and back again."""
    before, peak, after = rates(suite, "surge", 1, 31, 74)
    assert peak / before == pytest.approx(2.5)
    assert after / peak - 1 == pytest.approx(-0.6)


def test_the_fall_is_by_60_percent(suite: Suite):
    """From half of the fleet to a fifth."""
    before, after = rates(suite, "load-fall", 1, 26)
    assert after / before - 1 == pytest.approx(-0.6)


def test_the_same_load_rises_holds_and_falls(suite: Suite):
    """Never above what leaves a cheap policy room to be told from a dear one."""
    start, hold, end = rates(suite, "same-load", 1, 30, 60)
    assert start == end < hold < 0.5


def test_saturation_is_crossed(suite: Suite):
    """Four levels below what the fleet can carry, two beyond it."""
    found = np.array(rates(suite, "saturation", 5, 15, 25, 35, 45, 55))
    assert (np.diff(found) > 0).all()
    assert (found[:4] < 1).all()
    assert (found[4:] > 1).all()


def test_what_it_finds_never_decides(tmp_path: Path):
    """A short run on any policy: findings there are, and all are extended."""
    source = bundled("suites", "published", "load-fall.yaml").read_text()
    path = tmp_path / "load-fall.yaml"
    path.write_text(source.replace("45m", "6m").replace("25m", "3m").replace("20m", "3m"))
    case = load_case(path)
    inputs = pipeline.Inputs((str(POLICY),), objective="ttft_p95=2s", capacity_per_second=2.0)
    (subject,) = pipeline.subjects(inputs)
    trial = prepare(subject, case.scenario, path.parent, case.suite)
    findings = pipeline.judge(SimWorld().run(trial))
    assert "ttft-objective" in {finding.id for finding in findings}
    assert {finding.level for finding in findings} == {"extended"}
