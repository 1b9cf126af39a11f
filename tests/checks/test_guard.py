"""The guard band's verdict: what a scenario's runs say together, and what would decide the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from factories import make_engine, make_errors, make_plan, make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scalecert.checks.band import Judged
from scalecert.checks.finding import Finding, Verdict, holds
from scalecert.checks.guard import guarded, is_complete, undecided_corners
from scalecert.recording.plan import ModelError
from scalecert.recording.variations import FAST, SLOW, alone, guard_band

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ERRORS = make_errors(prefill=0.3, decode=0.2, startup=0.1)
PLAN = make_plan(engine=make_engine(errors=ERRORS), scenario=make_scenario(duration=60.0))
VARIATIONS = {
    one.name: one
    for one in (*guard_band(1, ERRORS), *alone(SLOW, 1, ERRORS), *alone(FAST, 1, ERRORS))
}
BAND = ("seed-1", "seed-2", "seed-3", "slow", "fast")
STEP = "measure {} of vllm llama-2-7b on nvidia-l4: docs/how-to/measure-a-profile.md"


def finding(
    measured: float | None = 1.0,
    verdict: Verdict | None = None,
    *,
    limit: float | None = 2.0,
    comparison: Any = "<=",
    **changes: Any,
) -> Finding:
    """Return a finding, of which the limit decides unless a verdict is given."""
    if verdict is None and measured is not None and limit is not None:
        verdict = PASS if holds(measured, comparison, limit) else FAIL
    facts: dict[str, Any] = {
        "id": "ttft-objective",
        "scenario": "steady",
        "level": "core",
        "verdict": verdict,
        "measured": measured,
        "limit": limit,
        "unit": "s",
        "comparison": comparison,
        "message": f"measured {measured}",
        "next_step": "" if verdict is PASS else "add replicas",
    }
    return Finding(**{**facts, **changes})


def judged(
    findings: Mapping[str, Finding | tuple[Finding, ...]],
    errors: Mapping[str, ModelError] = ERRORS,
) -> list[Judged]:
    """Return the runs of these names with what was found in each."""
    plan = replace(PLAN, engine=make_engine(errors=dict(errors)))
    return [
        Judged(
            replace(plan, variation=VARIATIONS[name]),
            found if isinstance(found, tuple) else (found,),
        )
        for name, found in findings.items()
    ]


def together(**figures: float | None) -> Finding:
    """Return the one finding of runs that measured these (`seed_1=..., slow_decode=...`).

    Runs of the band that are not given measured 1 s, inside the limit of 2 s.
    """
    given = {name.replace("_", "-"): value for name, value in figures.items()}
    names = [*BAND, *(name for name in given if name not in BAND)]
    (found,) = guarded(judged({name: finding(given.get(name, 1.0)) for name in names}))
    return found


@settings(max_examples=100, derandomize=True, deadline=None)
@given(verdicts=st.lists(st.sampled_from(list(Verdict)), min_size=5, max_size=5))
def test_a_verdict_holds_where_all_runs_agree(verdicts: list[Verdict]) -> None:
    """INV-11: passes if every run passes, fails if every run fails, else is inconclusive."""
    runs = {name: finding(1.0, one) for name, one in zip(BAND, verdicts, strict=True)}
    (found,) = guarded(judged(runs))
    agreed = verdicts[0] if set(verdicts) in ({PASS}, {FAIL}) else INCONCLUSIVE
    assert found.verdict is agreed
    assert (found.next_step == "") is (agreed is PASS)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(figures=st.lists(st.floats(0.1, 4.0), min_size=5, max_size=5))
def test_the_band_holds_every_figure(figures: list[float]) -> None:
    """Lowest, highest and the worst margin; the finding's own figure is the first run's."""
    found = together(**dict(zip([name.replace("-", "_") for name in BAND], figures, strict=True)))
    assert found.band is not None
    assert [run.run for run in found.band.runs] == list(BAND)
    assert [run.measured for run in found.band.runs] == figures
    assert (found.measured, found.band.lowest, found.band.highest) == (
        figures[0], min(figures), max(figures),
    )  # fmt: skip
    assert found.band.margin == pytest.approx((2.0 - max(figures)) / 2.0, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("comparison", "limit", "measured", "margin"),
    [
        ("<=", 2.0, (1.0, 1.5), 0.25),
        ("<=", 2.0, (1.0, 2.5), -0.25),
        (">=", 0.8, (0.9, 1.0), 0.125),
        (">=", 0.8, (0.9, 0.6), -0.25),
        (">", 1.0, (3.0, 1.5), 0.5),
        ("==", 1.0, (1.0, 1.0), None),
        ("<=", 0.0, (0.0, 0.0), None),
        ("<=", -2.0, (-3.0, -4.0), 0.5),
        ("<=", None, (1.0, 1.0), None),
        ("<=", 2.0, (1.0, None), None),
    ],
)
def test_the_margin_is_a_share_of_the_limit(
    comparison: str, limit: float | None, measured: tuple[float | None, ...], margin: float | None
) -> None:
    """Of the worst run, negative beyond it; None where no share of the limit says anything."""
    runs = {
        name: finding(value, PASS, limit=limit, comparison=comparison)
        for name, value in zip(("seed-1", "seed-2"), measured, strict=True)
    }
    (found,) = guarded(judged(runs))
    assert found.band is not None
    assert found.band.margin == (None if margin is None else pytest.approx(margin))


def test_agreement_keeps_the_first_runs_words() -> None:
    """A pass or failure of all reads as it would of one run."""
    assert replace(together(), band=None) == finding(1.0)
    failed = together(seed_1=3.0, seed_2=3.0, seed_3=3.0, slow=4.0, fast=2.5)
    assert replace(failed, band=None) == finding(3.0)


@pytest.mark.parametrize(
    ("part", "words", "error"),
    [
        ("prefill", "prefill (TTFT)", "prefill is known to ±30 % (assumed)"),
        ("decode", "decode (TPOT)", "decode is known to ±20 % (assumed)"),
        ("startup", "start-up (model load)", "start-up is known to ±10 % (assumed)"),
    ],
)
def test_the_part_that_alone_flips_it_is_named(part: str, words: str, error: str) -> None:
    """Margin against uncertainty, and the one measurement that would decide."""
    off = {f"slow_{one}": 3.0 if one == part else 1.1 for one in ("prefill", "decode", "startup")}
    found = together(slow=3.5, **off)
    assert found.verdict is INCONCLUSIVE
    assert found.message.startswith(
        f"measured 1.0, margin 50 %; fails with a slower engine (3.5 s, limit 2 s): {error}, ±"
    )
    assert found.next_step == STEP.format(words)


@pytest.mark.parametrize(
    ("off", "accuracy"), [(3.0, "10 %"), (5.0, "5 %"), (2.5, "13 %"), (21.0, "1 %")]
)
def test_the_accuracy_that_would_decide_is_on_a_straight_line(off: float, accuracy: str) -> None:
    """From 1 s at the profile to `off` at 20 % more, the limit of 2 s is crossed there."""
    found = together(slow=off, slow_prefill=1.0, slow_decode=off, slow_startup=1.0)
    assert found.message.endswith(f", ±{accuracy} would decide")


def test_several_parts_that_flip_it_are_all_named() -> None:
    """Without an accuracy: which of them must be how exact depends on the other."""
    found = together(slow=5.0, slow_prefill=3.0, slow_decode=1.5, slow_startup=2.5)
    assert found.next_step == STEP.format("prefill (TTFT) and start-up (model load)")
    assert found.message.endswith(
        ": prefill is known to ±30 % (assumed), start-up is known to ±10 % (assumed)"
    )


def test_parts_that_are_known_alike_are_told_together() -> None:
    """The same error is said once."""
    alike = make_errors(prefill=0.3, decode=0.3, startup=0.3)
    runs = {name: finding(3.0 if name == "slow" else 1.0) for name in BAND}
    (found,) = guarded(judged(runs, alike))
    assert found.message.endswith(": prefill, decode and start-up are known to ±30 % (assumed)")


def test_a_corner_that_never_came_to_a_figure_reads_never() -> None:
    """Requests that got no answer are infinitely late, not unmeasured."""
    runs = {name: finding() for name in BAND} | {"slow": finding(None, FAIL)}
    (found,) = guarded(judged(runs))
    assert "fails with a slower engine (never, limit 2 s)" in found.message


def test_a_miss_beyond_all_proportion_has_no_per_cent() -> None:
    """A queue that grew for half an hour is no margin to compare with an error."""
    found = together(seed_1=900.0, seed_2=950.0, seed_3=990.0, slow=999.0, fast=1.5)
    assert "measured 900.0, missed by more than 999 %; passes" in found.message


def test_an_accuracy_that_is_there_already_decides_nothing() -> None:
    """The limit is crossed just before the corner: no measurement has to be better than that."""
    found = together(
        seed_1=900.0, seed_2=900.0, seed_3=900.0, slow=999.0, fast=1.9,
        fast_prefill=900.0, fast_decode=1.9, fast_startup=900.0,
    )  # fmt: skip
    assert found.message.endswith(": decode is known to ±20 % (assumed)")


@pytest.mark.parametrize(
    ("figures", "explained"),
    [
        ({"seed_1": 3.0, "seed_2": 3.0, "seed_3": 3.0, "slow": 3.0, "fast": 1.5}, True),
        ({"seed_2": 3.0}, True),
        ({"slow": 3.0}, False),
        ({}, False),
    ],
    ids=["a faster engine turns it", "noise", "a slower engine alone", "passes"],
)
def test_what_is_open_because_of_a_failure_points_to_it(
    figures: dict[str, float], explained: bool
) -> None:
    """A metric that is out of reach is fixed first; no engine has to be measured for it."""
    unreachable = finding(0.5, FAIL, id="signal-reachable", comparison=">", next_step="lower it")
    band = {name: figures.get(name.replace("-", "_"), 1.0) for name in BAND}
    runs = {name: (unreachable, finding(measured)) for name, measured in band.items()}
    _, found = guarded(judged(runs))
    assert found.verdict is (INCONCLUSIVE if figures else PASS)
    assert (found.cause == "signal-reachable") is explained
    assert (found.next_step == "fix signal-reachable first: lower it") is explained
    if explained:
        assert undecided_corners([found]) == ()


@pytest.mark.parametrize("known", [True, False], ids=["none flips it alone", "not run"])
def test_without_one_that_flips_it_every_uncertain_part_is_named(known: bool) -> None:
    """They do it together, or nobody has looked yet."""
    off = dict.fromkeys(("slow_prefill", "slow_decode", "slow_startup"), 1.5) if known else {}
    found = together(slow=2.5, **off)
    assert found.next_step == STEP.format("prefill (TTFT), decode (TPOT) and start-up (model load)")


def test_a_part_alone_that_says_nothing_flips_nothing() -> None:
    """Only a run that is decided the other way is evidence against a part."""
    runs = {name: finding(3.0 if name == "slow" else 1.0) for name in BAND}
    runs |= {"slow-decode": finding(3.0), "slow-startup": finding(1.0, INCONCLUSIVE)}
    (found,) = guarded(judged(runs))
    assert found.next_step == STEP.format("decode (TPOT)")


def test_parts_that_are_exact_need_no_measurement() -> None:
    """An error of nothing is not to be measured again."""
    errors = make_errors(prefill=0.3, decode=0.0)
    runs = {name: finding(3.0 if name == "slow" else 1.0) for name in BAND}
    (found,) = guarded(judged(runs, errors))
    assert found.next_step == STEP.format("prefill (TTFT)")
    assert "decode" not in found.message


def test_a_failure_that_a_faster_engine_turns_is_open_too() -> None:
    """A policy is not failed for a profile that may be too slow."""
    found = together(seed_1=2.2, seed_2=2.3, seed_3=2.4, slow=4.0, fast=1.5, fast_decode=1.8)
    assert found.verdict is INCONCLUSIVE
    assert found.message == (
        "measured 2.2, missed by 10 %; passes with a faster engine (1.5 s, limit 2 s):"
        " decode is known to ±20 % (assumed), ±10 % would decide"
    )


def test_a_check_that_only_counts_has_no_margin_to_hold_against() -> None:
    """Zero lost of zero allowed: the message says the figures and leaves the margin out."""
    runs = {name: finding(0.0, limit=0.0, comparison="==", unit="requests") for name in BAND}
    runs["slow"] = finding(4.0, limit=0.0, comparison="==", unit="requests")
    (found,) = guarded(judged(runs))
    assert found.message.startswith(
        "measured 0.0; fails with a slower engine (4 requests, limit 0 requests): prefill"
    )


def test_seeds_that_disagree_are_noise() -> None:
    """No measurement of the profile decides it; more room or a longer run does."""
    found = together(seed_2=2.1, slow=4.0)
    assert found.verdict is INCONCLUSIVE
    assert (
        "passes in seed-1, seed-3, fast and fails in seed-2, slow (1 s to 4 s, limit 2 s)"
        in found.message
    )
    assert "within the noise of arrivals" in found.message
    assert found.next_step.startswith("give the policy more room")
    assert undecided_corners([found]) == ()


def test_a_run_that_says_nothing_is_told() -> None:
    """Its reason and next step are the finding's; neither a pass nor a failure of all is left."""
    silent = finding(None, INCONCLUSIVE, message="no data", next_step="look", cause="x")
    for others in (PASS, FAIL):
        runs = {name: finding(1.0, others) for name in BAND} | {"fast": silent}
        (found,) = guarded(judged(runs))
        assert (found.verdict, found.message) == (INCONCLUSIVE, "in run fast: no data")
        assert (found.next_step, found.cause) == ("look", "x")
    (found,) = guarded(judged(dict.fromkeys(BAND, silent)))
    assert found.message == "no data"


def test_a_check_is_judged_by_the_runs_that_it_applies_to() -> None:
    """A window that only some costs leave is no reason to doubt the others."""
    always, sometimes = finding(), finding(3.0, id="step-recovery")
    runs = {name: (always,) if name == "fast" else (always, sometimes) for name in BAND}
    first, second = guarded(judged(runs))
    assert (first.verdict, second.verdict) == (PASS, FAIL)
    assert second.band is not None
    assert [run.run for run in second.band.runs] == ["seed-1", "seed-2", "seed-3", "slow"]
    assert first.message == "measured 1.0"
    assert second.message == "measured 3.0 (in seed-1, seed-2, seed-3, slow alone)"


@pytest.mark.parametrize("applies", [("slow",), ("slow", "fast")])
def test_a_corner_alone_fails_nothing(applies: tuple[str, ...]) -> None:
    """Where a check does not apply at the profile's costs, a failure hangs on the profile."""
    always = finding()
    for measured, verdict in ((1.0, PASS), (3.0, INCONCLUSIVE)):
        extra = finding(measured, id="step-recovery", cause="capacity-ceiling")
        runs = {name: (always, extra) if name in applies else (always,) for name in BAND}
        _, found = guarded(judged(runs))
        assert found.verdict is verdict
    assert found.message == (
        "with a slower engine measured 3.0; at the profile's own costs the check does not apply"
    )
    assert found.next_step.startswith("measure prefill (TTFT), decode (TPOT) and")
    assert found.cause == ""


def test_one_run_keeps_its_findings() -> None:
    """There is nothing to hold it against: `--quick`, and a run that is rechecked by itself."""
    for name in ("seed-1", "slow", "slow-decode"):
        (run,) = judged({name: finding()})
        assert guarded([run]) == run.findings


def test_runs_of_one_part_are_no_part_of_the_band() -> None:
    """They tell what a verdict hangs on; the verdict itself is the band's."""
    found = together(slow_decode=9.0, fast_prefill=9.0)
    assert found.verdict is PASS
    assert found.band is not None
    assert found.band.highest == 1.0


def test_order_is_that_of_the_checks() -> None:
    """Findings of the first run first, then what only others have."""
    a, b, c = (finding(id=name) for name in "abc")
    runs = dict.fromkeys(BAND, (b, a)) | {"slow": (c, b, a)}
    assert [found.id for found in guarded(judged(runs))] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("figures", "corners"),
    [
        ({}, ()),
        ({"slow": 3.0}, (SLOW,)),
        ({"fast": 3.0}, (FAST,)),
        ({"slow": 3.0, "fast": 3.0}, (SLOW, FAST)),
        ({"seed_2": 3.0, "slow": 3.0}, ()),
    ],
)
def test_corners_that_disagree_are_worth_a_closer_look(
    figures: dict[str, float], corners: tuple[str, ...]
) -> None:
    """Only where all seeds agree: noise is not looked into by measuring an engine."""
    assert undecided_corners([together(**figures), finding()]) == corners


def test_a_band_is_complete_with_all_seeds_and_corners() -> None:
    """Any missing run makes it indicative; parts alone are no part of it."""
    plans = [run.plan for run in judged(dict.fromkeys(BAND, finding()))]
    assert is_complete(plans)
    for missing in range(len(plans)):
        assert not is_complete([*plans[:missing], *plans[missing + 1 :]])
    narrowed = [run.plan for run in judged(dict.fromkeys([*BAND, "slow-decode"], finding()))]
    assert is_complete(narrowed)


def test_a_corner_of_smaller_errors_does_not_complete_a_band() -> None:
    """The runs must be those that the profile's own errors ask for."""
    plans = [run.plan for run in judged(dict.fromkeys(BAND, finding()))]
    narrow = replace(plans[3], variation=replace(plans[3].variation, decode=1.01))
    assert not is_complete([*plans[:3], narrow, plans[4]])


def test_without_errors_the_seeds_are_the_band() -> None:
    """An exact profile has no corners to miss."""
    runs = judged(dict.fromkeys(BAND[:3], finding()), {})
    assert is_complete([run.plan for run in runs])
    assert not is_complete([run.plan for run in runs[:2]])
