"""The terminal: rows that align in 100 columns, a summary that begins with the answer."""

from __future__ import annotations

import re

import pytest
from factories import (
    make_capacity,
    make_certificate,
    make_plan,
    make_requests,
    make_runs,
    make_scenario,
)
from msgspec.structs import replace

from scalecert.certificate import text
from scalecert.certificate.document import issue
from scalecert.checks.finding import Band, Finding, Verdict
from scalecert.checks.shipped import shipped

DATE = "2026-01-01T00:00:00Z"
WIDE = Finding(
    "a-check-whose-name-is-far-too-long",
    "a-scenario-with-a-name-that-nobody-should-give",
    "core",
    Verdict.INCONCLUSIVE,
    1234567.891,
    1234567.0,
    "requests/s",
    "<=",
    "message",
)


def slow() -> dict[str, object]:
    requests = make_requests()
    requests["first_token_seconds"] += 9.0
    return requests


def plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_a_row_has_scenario_check_measured_limit_and_verdict() -> None:
    """What somebody scans for, in that order."""
    (finding,) = [f for f in make_certificate().findings if f.id == "ttft-objective"]
    assert text.row(finding).split() == [
        "steady", "ttft-objective", "500", "ms", "<=", "2", "s", "pass",
    ]  # fmt: skip


def test_rows_align_and_fit_100_columns() -> None:
    """However long names and figures are, every verdict starts in the same column."""
    findings = [*make_certificate(*(check.id for check in shipped())).findings, WIDE]
    column = text.header().index("VERDICT")
    for finding in findings:
        line = text.row(finding)
        assert len(line) <= 100
        assert line[column:] == str(finding.verdict)
        assert line[column - 1] == " "


@pytest.mark.parametrize("finding", [WIDE])
def test_colour_changes_nothing_but_colour(finding: Finding) -> None:
    """Without its escapes a coloured row is the plain one."""
    coloured = text.row(finding, colour=True)
    assert coloured != text.row(finding)
    assert plain(coloured) == text.row(finding)


def test_a_figure_that_never_came_reads_never() -> None:
    """A failed latency without a figure was infinite; an inconclusive one is unknown."""
    never = Finding("id", "steady", "core", Verdict.FAIL, None, 2.0, "s", "<=", "")
    unknown = Finding("id", "steady", "core", Verdict.INCONCLUSIVE, None, None, "s", "<=", "")
    assert text.row(never).split() == ["steady", "id", "never", "<=", "2", "s", "fail"]
    assert text.row(unknown).split() == ["steady", "id", "-", "-", "inconclusive"]


def test_an_extended_failure_does_not_look_like_a_deciding_one() -> None:
    """It is in parentheses."""
    extended = Finding("id", "steady", "extended", Verdict.FAIL, 3.0, 2.0, "x", "<=", "")
    assert text.row(extended).endswith("(fail)")


@pytest.mark.parametrize(
    ("requests", "headline"), [(make_requests(), "CERTIFIED"), (slow(), "NOT CERTIFIED")]
)
def test_the_first_line_is_the_answer(requests: dict[str, object], headline: str) -> None:
    """Verdict, policy and objective: all that most readers need."""
    first = text.summary(make_certificate(requests=requests)).splitlines()[0]
    expected = rf"{headline} S1\b.* vllm: objective ttft_p95=2s,tpot_p95=100ms"
    assert re.fullmatch(expected, first)


def test_an_undecided_certificate_says_so_first() -> None:
    """Inconclusive never reads like certified."""
    certificate = issue("vllm", make_runs(make_plan()), (), DATE)
    assert re.match(r"INCONCLUSIVE S1\b.* vllm: ", text.summary(certificate))


def banded(margin: float | None) -> Finding:
    """Return a passed TTFT objective that every run keeps by that margin."""
    return Finding(
        "ttft-objective", "steady", "core", Verdict.PASS, 1.5, 2.0, "s", "<=", "message",
        band=Band((), 1.5, 1.54, margin),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("margin", "end"), [(0.23, ", 23 % margin"), (-0.02, "tpot_p95=100ms"), (None, "=100ms")]
)
def test_the_first_line_says_the_margin_that_all_runs_keep(margin: float | None, end: str) -> None:
    """Where there is one; a miss is no margin."""
    certificate = issue("vllm", make_runs(make_plan()), [banded(margin)], DATE)
    assert text.summary(certificate).splitlines()[0].endswith(end)


def test_a_row_has_the_margin_of_the_worst_run() -> None:
    """Between limit and verdict, signed."""
    assert text.row(banded(0.234)).split()[-3:] == ["+23", "%", "pass"]
    assert text.row(banded(-0.05)).split()[-3:] == ["-5", "%", "pass"]
    assert text.row(banded(None)).split()[-2:] == ["s", "pass"]


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_one_run_is_only_indicative(verdict: Verdict) -> None:
    """Neither CERTIFIED nor NOT CERTIFIED: the first line says what the run hints at."""
    runs = make_runs(make_plan())[:1]
    first = text.summary(issue("vllm", runs, [replace(banded(0.2), verdict=verdict)], DATE))
    assert re.match(rf"INDICATIVE {verdict.upper()} S1\b", first)


def test_the_summary_says_capacity_provenance_and_each_problem() -> None:
    """Figures in requests and tokens, where inputs came from, message and next step."""
    lines = text.summary(make_certificate(requests=slow()))
    assert "one replica carries 3 requests/s (768 input + 384 output tokens/s): bisection" in lines
    assert re.search(r"engine +vllm +\[image\]", lines)
    assert "fail ttft-objective in steady\n  TTFT p95 is 9.5 s" in lines
    assert "\n  next: lower the target of vllm:num_requests_running" in lines
    assert all(len(line) <= 100 for line in lines.splitlines())


def failed(name: str, scenario: str, message: str = "", cause: str = "") -> Finding:
    """Return a failed core finding."""
    return Finding(name, scenario, "core", Verdict.FAIL, 1, 0, "x", "<=", message, "do", cause)


def test_a_problem_is_told_once_and_what_follows_from_it_in_one_line() -> None:
    """Someone who reads a failed certificate finds the cause, not its twenty consequences."""
    findings = [failed("signal-reachable", scenario, "can't exceed 64") for scenario in "ab"]
    late = ("ttft-objective", "tpot-objective", "ttft-objective")
    findings += [failed(name, "a", cause="signal-reachable") for name in late]
    plans = [make_plan(scenario=make_scenario(name=name)) for name in "ab"]
    lines = text.summary(issue("vllm", make_runs(*plans), tuple(findings), DATE))
    assert lines.count("can't exceed 64") == 1
    assert "fail signal-reachable in a, b" in lines
    assert "\n  next: do\n  leads to: ttft-objective, tpot-objective\n" in lines
    alone = issue("vllm", make_runs(*plans), tuple(findings[2:]), DATE)
    assert "\nbecause of signal-reachable: ttft-objective, tpot-objective\n" in text.summary(alone)


def test_a_next_step_is_told_once() -> None:
    """One measurement decides several findings: they stand above it together."""
    findings = [failed(name, "steady", f"{name} is late") for name in ("ttft", "tpot")]
    lines = text.summary(issue("vllm", make_runs(make_plan()), tuple(findings), DATE))
    told = "fail ttft in steady\n  ttft is late\nfail tpot in steady\n  tpot is late\n  next: do\n"
    assert told in lines


def test_what_decides_comes_first() -> None:
    """Failures before what is open, and both before what is only reported."""
    open_one = replace(failed("open", "steady"), verdict=Verdict.INCONCLUSIVE)
    reported = replace(failed("reported", "steady"), level="extended")
    findings = [reported, open_one, failed("deciding", "ramp")]
    plans = [make_plan(scenario=make_scenario(name=name)) for name in ("steady", "ramp")]
    lines = text.summary(issue("vllm", make_runs(*plans), tuple(findings), DATE))
    places = [lines.index(f"{name} in ") for name in ("deciding", "open", "reported")]
    assert places == sorted(places)


def test_the_last_line_has_the_answer_again() -> None:
    """It is what a terminal still shows when the summary was longer than the screen."""
    last = text.summary(make_certificate(requests=slow())).splitlines()[-1]
    assert re.fullmatch(r"NOT CERTIFIED S1 vllm: core \d+ passed, \d+ failed", last)


def test_a_suite_without_core_checks_says_why_it_certifies_nothing() -> None:
    """Extended findings are reported and decide nothing: the last line says so, not `0 passed`."""
    findings = [replace(finding, level="extended") for finding in make_certificate().findings]
    certificate = issue("vllm", make_runs(make_plan()), findings, DATE)
    last = text.summary(certificate).splitlines()[-1]
    assert last.startswith("INCONCLUSIVE")
    assert last.endswith("has no core checks, so it certifies nothing")


def test_several_capacities_name_their_scenarios() -> None:
    """Which sizes a figure is for must not be guessed."""
    plans = [
        make_plan(scenario=make_scenario(name=name), capacity=make_capacity(rate, "m"))
        for name, rate in (("a", 3.0), ("b", 5.0))
    ]
    lines = text.summary(issue("vllm", make_runs(*plans), (), DATE))
    assert "in a: m" in lines
    assert "in b: m" in lines


def test_requests_left_out_are_said() -> None:
    """A trace that was cut is not the trace."""
    plan = make_plan()
    cut = replace(plan, load=replace(plan.load, left_out=7))
    certificate = issue("vllm", make_runs(cut), (), DATE)
    assert "7 requests longer than the server takes were left out" in text.summary(certificate)


def test_names_from_elsewhere_can_not_act_on_the_terminal() -> None:
    """A control sequence in a name of somebody's recording is spelt out, in rows and summary."""
    finding = replace(WIDE, scenario="\x1b[2J", message="a\nb \u202e", verdict=Verdict.FAIL)
    plan = make_plan()
    certificate = issue("vllm\x07", make_runs(plan), [finding], DATE)
    shown = [text.row(finding), *text.summary(certificate).split("\n")]
    assert all(line.isprintable() for line in shown)
    assert r"\x1b[2J" in shown[0]
