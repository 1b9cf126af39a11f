"""The assurance level, the models' errors, and what is left open: said, never rounded up."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from factories import make_plan, make_scenario, make_signal
from msgspec.structs import replace

from scalecert.bundled import bundled
from scalecert.certificate.assurance import LEVELS, Assurance, assurance
from scalecert.certificate.envelope import envelope
from scalecert.certificate.model_errors import model_errors
from scalecert.certificate.not_proved import not_proved
from scalecert.documents import load_document
from scalecert.errors import HarnessBug, UsageError
from scalecert.recording.agreement import Agreement
from scalecert.recording.fidelity import (
    KIND,
    Comparison,
    Fidelity,
    FidelityFile,
    shipped_fidelity,
)
from scalecert.recording.plan import Difference, ModelError, Plan, Variation, WallClock

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "fixtures" / "golden" / "hpa"
SHARED = Path(os.environ.get("SCALECERT_SHARED", ROOT.parent / "shared")) / "data" / "hpa"
MEASURED = ModelError(0.05, "measured", "TTFT p50")
ASSUMED = ModelError(0.3, "assumed")


def plan_with(*, profile: str = "measured", version: str | None = None, **changes: object) -> Plan:
    """Return a plan on a profile of that provenance, whose errors are all measured."""
    engine = replace(
        make_plan().engine,
        profile_provenance=profile,
        errors=dict.fromkeys(("prefill", "decode", "startup"), MEASURED),
        profile_version=version,
    )
    return make_plan(**{"engine": engine, "fidelity": shipped_fidelity(), **changes})


def subjects(*plans: Plan) -> set[str]:
    """Return what these plans leave open, in a few words."""
    return {one.subject for one in not_proved(plans, envelope(plans), model_errors(plans))}


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        (["estimated"], Assurance("S1", "sim, estimated profile")),
        (["measured"], Assurance("S2", "sim, measured profile")),
        (["measured", "estimated"], Assurance("S1", "sim, estimated profile")),
        (["something new"], Assurance("S1", "sim, estimated profile")),
    ],
)
def test_the_level_is_that_of_the_weakest_run(profiles: list[str], expected: Assurance) -> None:
    """One estimated run makes all of it S1, and only `measured` is measured."""
    assert assurance([plan_with(profile=profile) for profile in profiles]) == expected


@pytest.mark.parametrize(
    ("time_lapse", "profile", "expected"),
    [
        (1, "estimated", Assurance("L1", "local, estimated profile")),
        (1, "measured", Assurance("L2", "local, measured profile")),
        (
            3,
            "measured",
            Assurance("T2", "local in time lapse, 3 times as fast, measured profile"),
        ),
        (
            5,
            "estimated",
            Assurance("T1", "local in time lapse, 5 times as fast, estimated profile"),
        ),
    ],
)
def test_real_processes_have_levels_of_their_own(
    time_lapse: int, profile: str, expected: Assurance
) -> None:
    """A real control plane is another letter, a time lapse a lower one, whatever the profile."""
    assert assurance([on_the_clock(time_lapse=time_lapse, profile=profile)]) == expected
    assert expected.level in LEVELS


def test_levels_are_in_order() -> None:
    """What is known of the engine weighs more than what stood for the cluster, which counts too."""
    assert list(LEVELS) == sorted(LEVELS, key=lambda level: (level[1], "STL".index(level[0])))


def on_the_clock(*, time_lapse: int = 1, streamed: float = 1.0, **changes: object) -> Plan:
    """Return a plan of world `local`."""
    clock = WallClock(
        time_lapse=time_lapse,
        not_scaled=("Prometheus takes up new targets at its own pace.",) * (time_lapse > 1),
        streamed_share=streamed,
        components={"kubernetes": "v1.36.3", "prometheus": "2.42.0"},
    )
    return plan_with(world="local", wall_clock=clock, **changes)


def test_the_real_controller_has_no_error() -> None:
    """Where it decided itself nothing stood for it; its adapter is still a model."""
    plan = on_the_clock()
    errors = model_errors([plan])
    assert (errors.hpa.basis, errors.worlds) == ("none", None)
    assert errors.hpa.against == "kube-controller-manager v1.36.3 itself decided"
    assert (errors.pipeline.basis, errors.pipeline.relative) == ("unknown", None)
    assert "Prometheus 2.42.0 itself scraped" in errors.pipeline.against
    assert envelope([plan]).kubernetes == "v1.36.3"


def test_what_stays_open_on_one_machine() -> None:
    """The control plane is real and idle, nodes are imitated, and nothing is called simulated."""
    told = subjects(on_the_clock())
    assert {"nodes", "busy control plane", "adapter", "other controllers"} <= told
    assert not {"control plane", "metric path", "time lapse", "first tokens"} & told
    assert "CPU and memory" in subjects(
        on_the_clock(signals=(make_signal(source_type="Resource"),))
    )


def test_time_lapse_and_streaming_are_left_open() -> None:
    """What was hurried, and what was not seen of every request, is said in the list."""
    plan = on_the_clock(time_lapse=3, streamed=0.4)
    told = not_proved([plan], envelope([plan]), model_errors([plan]))
    sentences = {one.subject: one.sentence for one in told}
    assert "3 times as fast" in sentences["time lapse"]
    assert "40 %" in sentences["first tokens"]


def agreed(**changes: object) -> Agreement:
    facts: dict[str, object] = {
        "pairs": 4,
        "runs": 12,
        "unseen": 1,
        "within_limits": 4,
        "replica_difference": 0.31,
        "first_scale_up_syncs": 0.7,
        "p50_difference": 0.04,
        "p95_difference": 0.12,
        "verdicts_compared": 96,
        "verdicts_differing": 0,
        "components": {"kubernetes": "v1.36.3"},
    }
    return Agreement(**{**facts, **changes})


def test_how_whole_runs_agree_stands_beside_the_parts() -> None:
    """The agreement that was known when the recordings were made is on the certificate."""
    found = model_errors([plan_with(fidelity=Fidelity(worlds=agreed()))]).worlds
    assert (found.basis, found.against) == ("measured", "world local (kubernetes v1.36.3)")
    assert (found.replica_difference, found.pairs, found.unseen) == (0.31, 4, 1)


@pytest.mark.parametrize(
    ("fidelity", "reason"),
    [
        (
            Fidelity(worlds_unmeasured="not with this engine profile"),
            "not with this engine profile",
        ),
        (Fidelity(), "the recording does not say"),
        (None, "the recording does not say"),
    ],
)
def test_an_agreement_that_nobody_measured_is_unknown(fidelity, reason) -> None:
    """Missing, stale or of an earlier release: why is said, and no figure."""
    plans = [plan_with(fidelity=Fidelity(worlds=agreed())), plan_with(fidelity=fidelity)]
    found = model_errors(plans).worlds
    assert (found.basis, found.against, found.replica_difference) == ("unknown", reason, None)


@pytest.mark.parametrize(
    ("unlike", "subject"),
    [
        (Difference("accelerator", "l4", "h200"), "accelerator (l4)"),
        (Difference("flag", "--quantization", "none such"), "flag (--quantization)"),
        (Difference("engine version", "unknown", "0.24.0"), "engine version (an unknown version)"),
    ],
)
def test_a_profile_of_another_server_measures_nothing(unlike: Difference, subject: str) -> None:
    """However well it was measured, it estimates this one; the difference is named."""
    plan = plan_with(version="v0.11.0")
    plan = replace(plan, engine=replace(plan.engine, unlike=(unlike,)))
    assert assurance([plan]) == Assurance("S1", "sim, profile measured on another server")
    assert subject in subjects(plan)
    assert subject not in subjects(plan_with(version="v0.11.0"))


def test_a_slower_engine_that_was_offered_less_is_told() -> None:
    """The envelope's load is that of the profile's own costs; at the slow corner nobody ran it."""
    nominal = plan_with()
    slow = replace(nominal, variation=Variation(name="slow", seed=1, prefill=1.3))
    less = replace(slow, load=replace(slow.load, peak_per_second=7.0))
    (told,) = (
        one
        for one in not_proved([nominal, less], envelope([nominal]), model_errors([nominal]))
        if one.subject == "full load on a slower engine"
    )
    assert "steady peaked at 7 requests/s instead of 10" in told.sentence
    assert told.subject not in subjects(nominal, slow)


def test_a_world_without_a_level_is_refused() -> None:
    """A recording from elsewhere must not be given a level by default."""
    with pytest.raises(UsageError, match="found 'cluster', expected sim"):
        assurance([plan_with(world="cluster")])


def test_nothing_that_ran_has_no_level() -> None:
    """An empty certificate can't be assured."""
    with pytest.raises(HarnessBug):
        assurance([])
    with pytest.raises(HarnessBug):
        envelope([])


def test_the_errors_of_hpa_pipeline_and_engine_stand_apart() -> None:
    """The HPA's is the measured count, the pipeline's unknown, the engine's its profile's."""
    errors = model_errors([plan_with()])
    assert (errors.hpa.basis, errors.hpa.cases, errors.hpa.mismatches) == ("measured", 7015, 0)
    assert errors.hpa.against == "kube-controller-manager v1.36.3"
    assert (errors.pipeline.basis, errors.pipeline.relative) == ("unknown", None)
    assert (errors.engine.prefill.basis, errors.engine.prefill.relative) == ("measured", 0.05)


def test_a_mismatch_shows_as_a_share() -> None:
    """Three of a hundred cases that differ are an error of 3 %."""
    found = Comparison(against="c", version="v1", cases=100, mismatches=3, left_out=0, how="h")
    errors = model_errors([plan_with(fidelity=Fidelity(hpa=found, pipeline=found))])
    assert (errors.hpa.relative, errors.pipeline.relative) == (0.03, 0.03)


def test_no_case_at_all_is_unknown() -> None:
    """0 of 0 is not a perfect match."""
    none = Comparison(against="c", version="v1", cases=0, mismatches=0, left_out=9, how="h")
    assert model_errors([plan_with(fidelity=Fidelity(hpa=none))]).hpa.basis == "unknown"


def test_a_recording_that_does_not_say_is_unknown() -> None:
    """The release that judges again must not lend a recording its own figures."""
    plan = make_plan()
    errors = model_errors([plan])
    parts = (errors.hpa, errors.pipeline, *msgspec.structs.astuple(errors.engine))
    assert {part.basis for part in parts} == {"unknown"}
    assert envelope([plan]).kubernetes is None
    assert "HPA" in subjects(plan)


def test_the_worst_of_several_runs_counts() -> None:
    """Unknown is worse than assumed, assumed than measured, and then the larger error."""
    larger = replace(plan_with().engine, errors={"prefill": ModelError(0.2, "measured")})
    assumed = replace(plan_with().engine, errors={"prefill": ASSUMED})
    plans = [plan_with(), plan_with(engine=larger)]
    assert model_errors(plans).engine.prefill.relative == 0.2
    plans.append(plan_with(engine=assumed))
    assert model_errors(plans).engine.prefill.basis == "assumed"
    assert model_errors(plans).engine.decode.basis == "unknown"


def test_a_start_up_that_the_scenario_states_is_not_the_profiles() -> None:
    """The profile's measured error says nothing of somebody else's figure."""
    stated = make_scenario(cluster={"startup": {"modelLoad": "60s"}})
    assert model_errors([plan_with(scenario=stated)]).engine.startup.basis == "unknown"
    assert "start-up" in subjects(plan_with(scenario=stated))
    assert "start-up" not in subjects(plan_with())


def test_an_estimated_profile_leaves_its_shape_open() -> None:
    """A roofline is no measurement of this model on this accelerator."""
    shape = "engine speed (llama-2-7b on nvidia-l4)"
    assert shape in subjects(plan_with(profile="estimated"))
    assert shape not in subjects(plan_with(profile="measured"))


def slow(plan: Plan) -> Plan:
    """Return the plan of the slow corner."""
    return replace(plan, variation=replace(plan.variation, name="slow", decode=1.05))


def test_corners_are_not_every_mix_of_errors() -> None:
    """All slow and all fast were run, or not even these; without errors there is none to miss."""
    exact = plan_with(engine=replace(plan_with().engine, errors={}))
    assert "mixed errors" in subjects(plan_with(), slow(plan_with()))
    assert "profile's errors" in subjects(plan_with())
    assert not {"mixed errors", "profile's errors"} & subjects(exact)


def test_another_version_than_the_profiles_is_left_open() -> None:
    """Costs of 0.24.0 say little of v0.11.0."""
    assert "engine version (v0.11.0)" in subjects(plan_with(version="0.24.0"))
    assert not any("engine version" in one for one in subjects(plan_with(version="v0.11.0")))


def test_the_metric_path_is_open_until_somebody_compares_it() -> None:
    """It leaves the list when a figure is there."""
    figure = shipped_fidelity().hpa
    assert "metric path" in subjects(plan_with())
    assert "metric path" not in subjects(plan_with(fidelity=Fidelity(pipeline=figure)))


def test_what_was_simulated_decides_what_is_open() -> None:
    """CPU only where the HPA reads it, prefixes only where the server would share them."""
    engine = replace(plan_with().engine, limits={"enable_prefix_caching": True})
    cpu = plan_with(engine=engine, signals=(make_signal(source_type="Resource"),))
    assert {"CPU and memory", "prefix caching"} <= subjects(cpu)
    assert not {"CPU and memory", "prefix caching"} & subjects(plan_with())
    cold = make_scenario(cluster={"nodes": {"warm": 2}})
    assert "node autoscaler" in subjects(plan_with(scenario=cold))
    assert "missing nodes" in subjects(plan_with())


def test_the_page_explains_every_subject() -> None:
    """A few words on the terminal are found in docs/certificate.md, and no others are there."""
    page = (ROOT / "docs" / "certificate.md").read_text()
    table = page.partition("| subject | what is open |")[2].partition("\n\n")[0]
    explained = {line.split("|")[1].strip() for line in table.splitlines()[2:]}
    engine = replace(plan_with().engine, limits={"enable_prefix_caching": True})
    cpu = plan_with(engine=engine, signals=(make_signal(source_type="Resource"),))
    cold = make_plan(scenario=make_scenario(cluster={"nodes": {"warm": 2}}))
    silent = plan_with(profile="estimated", version="0.24.0", fidelity=None)
    said = subjects(cpu) | subjects(cold) | subjects(silent) | subjects(cpu, slow(cpu))
    said |= subjects(on_the_clock(time_lapse=3, streamed=0.5))
    said |= {"full load on a slower engine", "model, accelerator, accelerators, flag"}
    assert {one.partition(" (")[0] for one in said} == explained


def shipped_file() -> FidelityFile:
    """Return the file that ships."""
    return load_document(bundled("fixtures", "fidelity.yaml"), KIND, FidelityFile)


def test_the_shipped_figure_is_the_sum_of_its_files() -> None:
    """Cases, mismatches and those left out add up, and nothing differs."""
    spec = shipped_file().spec
    assert spec.hpa is not None
    counted = [(one.cases, one.mismatches, one.left_out) for one in spec.hpa_files]
    assert tuple(map(sum, zip(*counted, strict=True))) == (7015, 0, 16)
    assert (spec.hpa.cases, spec.hpa.mismatches, spec.hpa.left_out) == (7015, 0, 16)


def test_the_golden_files_are_those_that_were_counted() -> None:
    """Byte for byte; that each of their records matches, the tests of the HPA hold."""
    counted = {one.name: one.digest for one in shipped_file().spec.hpa_files}
    files = sorted(GOLDEN.glob("*.gz"))
    assert len(files) == 4
    for file in files:
        assert counted[file.name] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def write(target: Path, *files: Path) -> FidelityFile:
    """Run the tool on files and return what it wrote to `target`."""
    command = [sys.executable, str(ROOT / "tools" / "replay_hpa.py"), "--write", str(target)]
    subprocess.run([*command, *map(str, files)], check=True, capture_output=True)
    return load_document(target, KIND, FidelityFile)


def test_the_tool_finds_the_shipped_figures_again(tmp_path: Path) -> None:
    """Of the golden files that replay at once, count by count; it keeps what else is known."""
    names = ("calculator.dev.jsonl.gz", "percent_limits.jsonl.gz", "quantities.jsonl.gz")
    target = tmp_path / "fidelity.yaml"
    text = bundled("fixtures", "fidelity.yaml").read_text()
    pipeline = "pipeline: {against: a, version: v, cases: 1, mismatches: 0, leftOut: 0, how: h}"
    target.write_text(text.replace("pipeline: null", pipeline))
    found = write(target, *(GOLDEN / name for name in names)).spec
    assert found.hpa_files == tuple(f for f in shipped_file().spec.hpa_files if f.name in names)
    assert found.pipeline is not None
    assert found.hpa is not None
    assert found.hpa.cases == 3200 + 2564 + 600


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the folder shared, see SCALECERT_SHARED")
def test_upstreams_own_cases_are_counted_as_shipped(tmp_path: Path) -> None:
    """The file that does not ship gives what the shipped figures say of it."""
    (upstream,) = SHARED.glob("upstream-cases-*.jsonl.gz")
    found = write(tmp_path / "fidelity.yaml", upstream).spec.hpa_files
    assert found == tuple(f for f in shipped_file().spec.hpa_files if f.name == upstream.name)
