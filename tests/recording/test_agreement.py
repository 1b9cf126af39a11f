"""How well simulation and real processes agree: figures from runs, and when nothing is known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.documents import API_VERSION, canonical_json
from scalecert.errors import UsageError
from scalecert.recording import sources
from scalecert.recording.agreement import (
    KIND,
    Agreement,
    AgreementFile,
    AgreementSpec,
    LatencyFigures,
    Pair,
    PairRun,
    WorldRun,
    agreement_of,
    load_agreement,
)
from scalecert.recording.fidelity import shipped_fidelity


def world_run(**changes) -> WorldRun:
    facts = {
        "ready_replicas_mean": 3.0,
        "scale_steps": 4,
        "first_scale_up_seconds": 100.0,
        "latencies": {"ttft": LatencyFigures(p50_seconds=0.2, p95_seconds=1.0)},
    }
    return WorldRun(**{**facts, **changes})


def late(p50: float, p95: float) -> WorldRun:
    return world_run(latencies={"ttft": LatencyFigures(p50_seconds=p50, p95_seconds=p95)})


def pair_run(**changes) -> PairRun:
    facts = {
        "seed": 1,
        "sim": world_run(),
        "local": world_run(),
        "replica_difference": 0.2,
        "verdicts_compared": 8,
    }
    return PairRun(**{**facts, **changes})


def make_pair(*runs: PairRun, **changes) -> Pair:
    facts = {
        "scenario": "ramp",
        "policy": "vllm-running",
        "engine": "vllm",
        "profile": "small",
        "profile_digest": "sha256:2",
        "unseen": False,
        "time_lapse": 3,
        "sync_period_seconds": 15.0,
        "runs": runs or (pair_run(),),
    }
    return Pair(**{**facts, **changes})


def make_agreement(*pairs: Pair) -> AgreementSpec:
    return AgreementSpec(
        source_digest="sha256:source",
        harness_version="0.1.0",
        components={"kubernetes": "v1.36.3"},
        pairs=pairs or (make_pair(),),
    )


def known(*pairs: Pair, digest: str = "sha256:2", source: str = "sha256:source"):
    return agreement_of(make_agreement(*pairs), digest, source)


def test_equal_runs_differ_in_nothing():
    """A pair whose worlds saw the same keeps every limit, with no difference in any figure."""
    pair = make_pair(pair_run(replica_difference=0.0))
    figures = pair.figures
    assert (figures.replicas, figures.first_scale_up_syncs, figures.p50, figures.p95) == (0,) * 4
    assert pair.within_limits


@pytest.mark.parametrize(
    ("changes", "within"),
    [
        ({"replica_difference": 0.5}, True),
        ({"replica_difference": 0.51}, False),
        ({"local": world_run(first_scale_up_seconds=115.0)}, True),
        ({"local": world_run(first_scale_up_seconds=116.0)}, False),
        ({"local": world_run(first_scale_up_seconds=None)}, False),
        ({"verdicts_differing": ("ttft-objective",)}, False),
        ({"local": late(0.22, 1)}, True),
        ({"local": late(0.17, 1)}, False),
        ({"local": late(0.2, 1.25)}, False),
    ],
)
def test_the_limits(changes, within):
    """Half a replica, one sync, 10 % of p50, 20 % of p95, no verdict: each alone decides."""
    assert make_pair(pair_run(**changes)).within_limits is within


def test_neither_world_scaled_up():
    """Two worlds that both stay put agree on when they first scale up."""
    still = world_run(first_scale_up_seconds=None)
    assert pair_run(sim=still, local=still).first_scale_up_difference_seconds == 0.0


def test_the_spread_over_runs():
    """A pair's figure is the mean over its runs, and its spread is told."""
    pair = make_pair(*(pair_run(seed=n, replica_difference=0.1 * n) for n in (1, 2, 3)))
    assert pair.figures.replicas == pytest.approx(0.2)
    assert pair.spread(lambda run: run.replica_difference) == pytest.approx((0.1, 0.3))


def test_a_certificate_gets_the_worst_of_its_profiles_pairs():
    """Each figure is that of the pair which differs most; other profiles' pairs don't count."""
    found = known(
        make_pair(pair_run(replica_difference=0.4), unseen=True),
        make_pair(pair_run(replica_difference=0.6)),
        make_pair(pair_run(replica_difference=3.0), profile_digest="sha256:other"),
    )
    assert isinstance(found, Agreement)
    assert (found.pairs, found.runs, found.unseen, found.within_limits) == (2, 2, 1, 1)
    assert found.replica_difference == 0.6
    assert (found.verdicts_compared, found.verdicts_differing) == (16, 0)


def test_one_world_alone_scaled_up():
    """There is no figure then, and JSON has no infinity."""
    found = known(make_pair(pair_run(local=world_run(first_scale_up_seconds=None))))
    assert isinstance(found, Agreement)
    assert found.first_scale_up_syncs is None
    canonical_json(found)


def test_when_nothing_is_known():
    """Without a file, with other sources, of another profile: why is said, and nothing else."""
    assert agreement_of(None, "sha256:2", "") == "nobody has run both"
    assert known(source="sha256:newer") == "the simulation has changed since"
    assert known(digest="sha256:3") == "not with this engine profile"


def test_what_ships_says_nothing_of_a_profile_that_nobody_ran():
    """Whatever the release has measured, for another profile it has a reason and no figure."""
    known = shipped_fidelity("sha256:nobody-has-this")
    assert known.worlds is None
    assert known.worlds_unmeasured
    assert known.hpa is not None


def test_the_file_comes_back(tmp_path: Path):
    """What the tool writes is what is read; no file is nothing known; a damaged one is refused."""
    file = tmp_path / "fidelity.json"
    assert load_agreement(file) is None
    spec = make_agreement()
    document = AgreementFile(api_version=API_VERSION, kind=KIND, spec=spec)
    file.write_bytes(canonical_json(document))
    assert load_agreement(file) == spec
    file.write_bytes(canonical_json(document).replace(b'"runs"', b'"walks"'))
    with pytest.raises(UsageError, match=r"fidelity\.json: .*walks"):
        load_agreement(file)


def test_a_pair_without_a_run_is_refused():
    """Nothing was measured then, so nothing may pass for it."""
    with pytest.raises(ValueError, match="found no run"):
        make_pair(runs=())


def test_the_source_digest_is_of_names_and_bytes(tmp_path: Path):
    """Any change of a file, or its name, gives another digest; what is no source gives none."""
    for part in sources.PARTS:
        path = tmp_path / part
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.write_text("one = 1\n")
        else:
            path.mkdir()
            (path / "module.py").write_text("two = 2\n")
    digest = sources.source_digest.__wrapped__
    first = digest(tmp_path)
    (tmp_path / "sim" / "__pycache__").mkdir()
    (tmp_path / "sim" / "__pycache__" / "module.pyc").write_bytes(b"0")
    assert digest(tmp_path) == first
    (tmp_path / "rng.py").write_text("one = 2\n")
    assert digest(tmp_path) != first
    (tmp_path / "rng.py").write_text("one = 1\n")
    (tmp_path / "sim" / "module.py").rename(tmp_path / "sim" / "other.py")
    assert digest(tmp_path) != first


def test_every_part_of_the_sources_is_there():
    """A part that was moved would silently no longer count."""
    package = Path(sources.__file__).parents[1]
    for part in sources.PARTS:
        assert (package / part).exists(), part
    assert sources.source_digest().startswith("sha256:")


@settings(max_examples=50, derandomize=True, deadline=None)
@given(made=st.floats(0.01, 100), real=st.floats(0.01, 100), first=st.floats(0, 1000))
def test_differences_are_never_negative(made, real, first):
    """However the worlds differ, a difference adds to the mean and never takes from it."""
    run = pair_run(
        sim=world_run(latencies={"e2e": LatencyFigures(p50_seconds=made, p95_seconds=made)}),
        local=world_run(
            latencies={"e2e": LatencyFigures(p50_seconds=real, p95_seconds=real)},
            first_scale_up_seconds=first,
        ),
    )
    figures = make_pair(run).figures
    assert figures.p50 == figures.p95 == pytest.approx(abs(real / made - 1))
    assert figures.first_scale_up_syncs == pytest.approx(abs(first - 100) / 15)
    assert math.isfinite(figures.p50)
