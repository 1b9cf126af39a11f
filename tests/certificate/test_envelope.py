"""The validity envelope: every range is one that was run, and the terminal says it briefly."""

from __future__ import annotations

from typing import Any

from factories import make_load, make_plan, make_policy, make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scalecert.certificate.assurance import assurance
from scalecert.certificate.envelope import Span, envelope
from scalecert.certificate.model_errors import model_errors
from scalecert.certificate.not_proved import not_proved
from scalecert.certificate.text_envelope import assurance_lines
from scalecert.recording.agreement import Agreement
from scalecert.recording.fidelity import Fidelity, shipped_fidelity
from scalecert.recording.plan import Plan, WallClock

RATES = st.floats(0.0, 1e4)


def lines(*plans: Plan) -> list[str]:
    """Return what the terminal shows of these plans."""
    valid, errors = envelope(plans), model_errors(plans)
    unproved = not_proved(plans, valid, errors)
    return list(assurance_lines(assurance(plans), valid, errors, unproved))


def one_line(*plans: Plan) -> str:
    """Return the same with all white space made one."""
    return " ".join(" ".join(lines(*plans)).split())


def off(plan: Plan, **factors: Any) -> Plan:
    """Return a plan whose engine is off its profile."""
    variation = replace(plan.variation, name="slow", **factors)
    return replace(plan, variation=variation)


@given(st.lists(st.tuples(RATES, RATES), min_size=1, max_size=5))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_no_planned_rate_is_outside(ends: list[tuple[float, float]]) -> None:
    """The span of the load holds every rate that any segment begins or ends with."""
    segments = [(60.0 * n, 60.0 * n + 60, low, high) for n, (low, high) in enumerate(ends)]
    found = envelope([make_plan(load=make_load(*segments))]).load.requests_per_second
    assert found == Span(min(map(min, ends)), max(map(max, ends)))


def test_tokens_follow_each_scenarios_own_sizes() -> None:
    """10/s of 256 tokens and 2/s of 4,000 span 2,560 to 8,000 input tokens/s."""
    long = make_load((0.0, 60.0, 2.0, 2.0), input_tokens_mean=4000.0)
    found = envelope([make_plan(), make_plan(load=long)]).load
    assert found.input_tokens_per_second == Span(2560.0, 8000.0)


def test_a_corner_does_not_widen_the_load() -> None:
    """What a faster server than the profile's was offered is no load that this one carried."""
    fast = off(make_plan(load=make_load((0.0, 60.0, 99.0, 99.0))), prefill=0.7)
    assert envelope([make_plan(), fast]).load.requests_per_second == Span(10.0, 10.0)


def test_sizes_span_all_scenarios_and_unsaid_ones_are_unknown() -> None:
    """A plan of an earlier release has no ranges: that is not zero tokens."""
    first = make_load(input_tokens_range=(128, 384), output_tokens_range=(64, 192))
    other = make_load(input_tokens_range=(16, 200), output_tokens_range=(64, 900))
    sizes = envelope([make_plan(load=first), make_plan(load=other)]).sizes
    assert (sizes.input_tokens, sizes.output_tokens) == (Span(16, 384), Span(64, 900))
    assert envelope([make_plan()]).sizes.input_tokens is None
    assert "sizes unknown" in one_line(make_plan())


def test_start_up_spans_the_corners_too() -> None:
    """Slow and fast start-ups were run, and the policy held."""
    corners = [off(make_plan(startup_seconds=s), startup=s / 90.0) for s in (63.0, 117.0)]
    plans = [make_plan(), *corners]
    assert envelope(plans).conditions[0].startup_seconds == Span(63.0, 117.0)
    assert "ready after 63 to 117 s" in one_line(*plans)


def test_windows_and_tolerance_are_those_of_this_hpa() -> None:
    """The manifest's own before the controller's."""
    own = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}
    (found,) = envelope([make_plan(policy=make_policy(spec=own))]).conditions
    (default,) = envelope([make_plan()]).conditions
    assert (found.scale_down_stabilization_seconds, default.scale_down_stabilization_seconds) == (
        60.0,
        300.0,
    )
    assert default.scale_up_tolerance == 0.1


def test_scenarios_of_other_conditions_stand_apart() -> None:
    """Each distinct cluster once, with its scenarios; equal texts are not repeated."""
    cold = make_scenario(
        name="cold",
        cluster={"nodes": {"warm": 2, "maximum": 8, "provisioning": "4m"}, "routing": "random"},
    )
    plans = [make_plan(), make_plan(scenario=cold), make_plan(scenario=make_scenario(name="more"))]
    found = envelope(plans).conditions
    assert [one.scenarios for one in found] == [("steady", "more"), ("cold",)]
    shown = one_line(*plans)
    assert "nodes warm (in steady, more)" in shown
    assert "2 nodes warm of at most 8, others 240 s (in cold)" in shown
    assert shown.count("scraped every 15 s") == 1


def test_outages_of_the_metric_path_are_said() -> None:
    """A scenario may take it down for a while: that is a condition of the verdict."""
    outage = {"part": "adapter", "start": "5m", "duration": "1m"}
    dark = make_scenario(cluster={"metrics": {"outages": [outage]}})
    assert "outages: 1; random routing" in one_line(make_plan(scenario=dark))


def test_arrivals_are_named() -> None:
    """Poisson unless the scenario says otherwise; a trace brings its own."""
    sizes = {part: {"distribution": "fixed", "tokens": 9} for part in ("input", "output")}
    rate = {"shape": "constant", "rate": "1/s"}
    bursty = {"rate": rate, "sizes": sizes, "arrivals": {"process": "gamma", "cv": 3}}
    replayed = {"rate": {"shape": "trace"}, "sizes": "trace", "trace": {"file": "a.csv"}}
    scenarios = [make_scenario(), make_scenario(workload=bursty), make_scenario(workload=replayed)]
    found = envelope([make_plan(scenario=one) for one in scenarios]).load.arrivals
    assert found == ("poisson", "gamma cv 3", "trace")


def test_what_was_deployed_and_what_stood_for_it_are_both_named() -> None:
    """Another version of the engine than the profile's shows in the same line."""
    engine = replace(make_plan().engine, profile_version="0.24.0")
    shown = one_line(make_plan(engine=engine))
    assert "vllm v0.11.0, llama-2-7b, profile vllm_llama-2-7b_l4 (estimated, of 0.24.0)" in shown


def test_unknown_is_said() -> None:
    """Nothing that a recording lacks is passed over."""
    shown = one_line(make_plan())
    assert "HPA unknown: the recording does not say" in shown
    assert "Kubernetes of unknown release" in shown
    assert "seen after an unknown time" in shown
    assert "prefill unknown (the profile does not say)" in shown


def test_known_errors_are_one_line_each() -> None:
    """Counts for the HPA, its lack for the pipeline."""
    plan = make_plan(fidelity=shipped_fidelity(), ingestion_seconds=5.0)
    assert "0 of 7,015 recorded cases differ from kube-controller-manager v1.36.3" in one_line(plan)
    assert "pipeline unknown: never compared with a real cluster" in one_line(plan)
    assert "seen 5 s later" in one_line(plan)


AGREED = Agreement(
    pairs=4,
    runs=12,
    unseen=1,
    within_limits=3,
    replica_difference=0.314,
    first_scale_up_syncs=0.66,
    p50_difference=0.041,
    p95_difference=0.12,
    verdicts_compared=96,
    verdicts_differing=1,
    components={"kubernetes": "1.36.3"},
)


def test_the_agreement_with_real_processes_is_one_line() -> None:
    """Of the pair that differs most: replicas, first scale-up, latencies, verdicts."""
    shown = one_line(make_plan(fidelity=Fidelity(worlds=AGREED)))
    assert (
        "runs apart from world local (kubernetes 1.36.3) by at most 0.31 replicas, first scale-up"
        " 0.66 syncs, p50 4.1 %, p95 12 %, 1 of 96 verdicts; 3 of 4 pairs within limits, 1 unseen"
    ) in shown
    alone = replace(AGREED, first_scale_up_syncs=None)
    assert "scale up apart" in one_line(make_plan(fidelity=Fidelity(worlds=alone)))


def test_no_agreement_says_why() -> None:
    """Missing, stale, or of another profile: never a figure."""
    missing = Fidelity(worlds_unmeasured="the simulation has changed since")
    shown = one_line(make_plan(fidelity=missing))
    assert "runs not measured against world local: the simulation has changed since" in shown


def test_the_real_controller_is_said_to_have_decided() -> None:
    """On the clock the HPA is no model, and whole runs are not compared with themselves."""
    clock = WallClock(components={"kubernetes": "1.36.3", "prometheus": "2.42.0"})
    shown = one_line(make_plan(world="local", wall_clock=clock))
    assert "HPA none: kube-controller-manager 1.36.3 itself decided" in shown
    assert "Kubernetes 1.36.3, sync 15 s" in shown
    assert " runs " not in shown.split("errors")[1].split("unproved")[0]


def test_kept_connections_are_a_condition() -> None:
    """Who keeps connections sends bursts to one pod: the envelope says which clients were run."""
    kept = make_scenario(cluster={"connections": "keep-alive"})
    assert "random routing, connections kept" in one_line(make_plan(scenario=kept))


@given(st.text("abc-", min_size=1, max_size=60), st.integers(1, 30))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_no_line_exceeds_100_columns(name: str, scenarios: int) -> None:
    """However many scenarios there are and however long their names and models are."""
    engine = replace(make_plan().engine, model=name, profile=f"vllm_{name}_l4")
    plans = [
        make_plan(
            engine=engine,
            scenario=make_scenario(name=f"{name}{number}", cluster={"nodes": {"warm": number}}),
        )
        for number in range(scenarios)
    ]
    assert max(map(len, lines(*plans))) <= 100


def test_it_is_short() -> None:
    """Somebody reads it in seconds: fifteen lines where much is unknown."""
    assert len(lines(make_plan(fidelity=shipped_fidelity()))) <= 15


def test_corners_alone_are_enough() -> None:
    """Recordings of corners alone still have an envelope."""
    assert envelope([off(make_plan(), decode=1.3)]).load.requests_per_second == Span(10.0, 10.0)
