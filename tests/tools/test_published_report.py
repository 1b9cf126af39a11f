"""The report: made of runs alone, and the page is of what is stored beside it."""

from __future__ import annotations

import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace
from published_report import loads, page
from published_report.claims import Arm, Claim, Claims, Side, Source, load_claims
from published_report.results import Facts, Results
from published_report.runs import COMMON, run_all

from scalecert.bundled import bundled
from scalecert.errors import UsageError
from scalecert.workload.model import ConstantRate, Spike
from scalecert.workload.stated_rate import Rate

POLICIES = bundled("fixtures", "policies")
FACTS = Facts("profile", "sha256:1", "v1", 5.0, 50.0, 30.0)
SEEDS = (1, 2, 3)


def claims_of(*claims: Claim, **arms: Arm) -> Claims:
    return Claims("e2e_p95=60s", {"s": Source("title", "what")}, {"e": "One"}, arms, claims)


def claim_of(of: Side, against: Side | float = 0.0, **limits: float) -> Claim:
    return Claim("c", "e", "s", "one is dearer", of, against, **limits)


DEARER = claims_of(
    claim_of(Side("a", "accelerator-hours"), Side("b", "accelerator-hours"), above=0.0),
    a=Arm("policies/a.yaml", "surge", settles_at=4),
    b=Arm("policies/b.yaml", "surge", {"TARGET": "3"}),
)


def results_of(a: tuple[float, ...], b: tuple[float, ...]) -> Results:
    figures = [{(name, "run"): values for name in COMMON} for values in (a, b)]
    facts = {"a": FACTS, "b": replace(FACTS, settling_per_second=None)}
    return Results(SEEDS, facts, dict(zip("ab", figures, strict=True)))


@pytest.mark.parametrize(
    ("a", "outcome"),
    [
        ((2.0, 2.1, 2.2), "reproduced"),
        ((0.2, 0.1, 0.0), "not reproduced"),
        ((0.0, 1.0, 2.0), "undecided"),
        ((2.0, math.nan, 2.2), "undecided"),
    ],
)
def test_a_claim_is_judged_by_its_paired_differences(a: tuple[float, ...], outcome: str):
    """The sign of all of the interval; a figure that one run lacks leaves it open."""
    (judged,) = page.judge(DEARER, results_of(a, (1.0, 1.0, 1.0)))
    assert judged.outcome == outcome


def test_a_side_may_be_a_share_of_another():
    """80 % of what the other has."""
    claims = claims_of(
        claim_of(Side("a", "replicas"), Side("b", "replicas", factor=0.8), below=0.0),
        **DEARER.arms,
    )
    (judged,) = page.judge(claims, results_of((7.0, 7.0, 7.0), (10.0, 10.0, 10.0)))
    assert judged.differences == (-1.0, -1.0, -1.0)


def test_results_come_back_from_json():
    """Six digits of everything, and what is missing stays so."""
    results = results_of((1.0, math.nan, 3.0), (1 / 3, 2.0, 3.0))
    text = json.dumps(results.document(), allow_nan=False)
    back = Results.of_document(json.loads(text))
    assert back.document() == results.document()
    assert back.figures["b"]["replicas", "run"] == (0.333333, 2.0, 3.0)
    assert back.facts == results.facts


def test_the_page_gets_its_tables_and_keeps_its_prose(tmp_path: Path):
    """Only what stands between markers is written."""
    names = page.tables(DEARER, results_of((2.0,) * 3, (1.0,) * 3))
    text = "\n".join(f"By hand.\n<!-- table {name} -->\nold\n<!-- end -->" for name in names)
    (tmp_path / "published.md").write_text(text)
    page.write(DEARER, results_of((2.0,) * 3, (1.0,) * 3), tmp_path)
    written = (tmp_path / "published.md").read_text()
    assert written.count("By hand.") == len(names)
    assert "old" not in written
    assert "**reproduced**" in written
    assert "at 4 replicas with 30/s" in written
    stored = json.loads((tmp_path / "published.json").read_text())
    assert stored["claims"]["c"]["outcome"] == "reproduced"


def test_a_page_without_markers_is_refused():
    """A table that would go nowhere."""
    with pytest.raises(ValueError, match="found 0 tables 'arms'"):
        page.with_table("no marker", "arms", "| a |")


def test_a_searched_load_keeps_the_growth_of_its_scenario():
    """From any base on it grows by as much as the file says."""
    spike = Spike(base=Rate("0.3 max"), peak=Rate("0.75 max"), start=60.0, duration=60.0)
    found = loads.from_base(spike, 7.5)
    assert (found.base, found.peak) == (Rate("7.500000/s"), Rate("18.750000/s"))
    assert (found.start, found.duration) == (60.0, 60.0)


def test_only_a_load_with_a_base_can_be_searched():
    """What settles is the load before the surge."""
    with pytest.raises(UsageError, match="expected shape spike"):
        loads.from_base(ConstantRate(Rate("1/s")), 7.5)


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite with surge cut to eight minutes."""
    suite = tmp_path / "published"
    shutil.copytree(bundled("suites", "published"), suite)
    text = (suite / "surge.yaml").read_text()
    for long, brief in (("75m", "8m"), ("start: 30m", "start: 3m"), ("25m", "2m")):
        assert long in text
        text = text.replace(long, brief)
    (suite / "surge.yaml").write_text(text)
    monkeypatch.setattr(loads, "SUITE", str(suite))


@pytest.mark.usefixtures("short")
def test_a_claim_is_told_by_runs_from_end_to_end():
    """Lower targets cost more; the load is the one at which two replicas are held."""
    policy = (POLICIES / "vllm-num-requests-running.yaml").as_posix()
    waiting = (POLICIES / "vllm-num-requests-waiting.yaml").as_posix()
    claims = claims_of(
        claim_of(Side("a", "accelerator-hours"), Side("b", "accelerator-hours"), above=0.0),
        a=Arm(policy, "surge"),
        b=Arm(waiting, "surge"),
    )
    with ThreadPoolExecutor(1) as pool:
        results = run_all(claims, ["a", "b"], (1, 2), pool)
    (judged,) = page.judge(claims, results)
    assert len(judged.differences) == 2
    assert all(math.isfinite(one) for one in judged.differences)
    facts = results.facts["a"]
    assert facts.peak_per_second == pytest.approx(0.75 * 10 * facts.unit_per_second)
    assert results.facts["a"] == results.facts["b"]


@pytest.mark.usefixtures("short")
def test_a_settling_load_settles():
    """It is the lowest: with less, the policy holds fewer replicas than were asked for."""
    policy = (POLICIES / "vllm-num-requests-running.yaml").as_posix()
    arm = Arm(policy, "surge", settles_at=2)
    rate = loads.settling_rate(arm, "e2e_p95=60s")
    subject, case = loads.subject_of(arm, "e2e_p95=60s"), loads.case_of(arm)
    assert loads.settled_replicas(subject, case, 0.8 * rate) < 2
    assert loads.settled_replicas(subject, case, 1.2 * rate) >= 2


def test_the_shipped_page_is_of_the_shipped_figures():
    """docs/published.md says of docs/published.json what the claims ask: `--write` does both."""
    claims = load_claims()
    stored = json.loads((page.DOCS / "published.json").read_text(encoding="utf-8"))
    results = Results.of_document(stored)
    text = (page.DOCS / "published.md").read_text(encoding="utf-8")
    for name, table in page.tables(claims, results).items():
        assert page.with_table(text, name, table) == text, name
    assert page.document(claims, results) == stored
