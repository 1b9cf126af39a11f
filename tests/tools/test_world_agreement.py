"""The comparison of worlds: two recordings of one run in figures, in a table, in a plot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from world_agreement import page
from world_agreement.figures import pair_of
from world_agreement.pairs import UNSEEN, Pair, all_pairs
from world_agreement.runs import Run
from world_agreement.timelines import plot

from scalecert import pipeline
from scalecert.recording.model import Recording

PAIR = Pair("climb", "vllm-running")


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """One run in virtual time."""
    folder = tmp_path_factory.mktemp("recordings")
    runs = pipeline.record(PAIR.subject(world="sim", seed=1), PAIR.case(), folder)
    return runs.nominal


def later(recording: Recording, seconds: float) -> Recording:
    """Return what a world would have seen in which pods come and answers begin so much later."""
    series = dict(recording.series)
    times = series["pods.time_seconds"]
    series["pods.time_seconds"] = np.where(times > 0, times + seconds, times)
    requests = dict(recording.requests)
    for name in ("first_token_seconds", "last_token_seconds"):
        requests[name] = requests[name] + seconds
    return replace(recording, series=series, requests=requests)


def test_every_pair_is_there_and_some_are_kept_apart():
    """Four scenarios under three policies; those that nobody looks at are among them."""
    pairs = all_pairs()
    assert len(pairs) == 12
    assert {(pair.scenario, pair.policy) for pair in pairs if pair.unseen} == set(UNSEEN)


def test_a_world_agrees_with_itself(sim: Recording):
    """No difference, and every clear verdict the same."""
    found = pair_of(PAIR, [(Run(PAIR, 1), (sim, sim))])
    figures = found.figures
    assert (figures.replicas, figures.p50, figures.p95) == (0.0, 0.0, 0.0)
    assert found.runs[0].verdicts_compared > 0
    assert found.within_limits
    assert found.runs[0].sim.scale_steps >= 3


def test_what_comes_later_is_measured(sim: Recording):
    """Replicas apart for as long as each step is late; latencies by the same seconds."""
    found = pair_of(PAIR, [(Run(PAIR, 1), (sim, later(sim, 10.0)))])
    run = found.runs[0]
    ups = run.sim.scale_steps
    duration = float(sim.plan.scenario.spec.duration)
    assert run.replica_difference == pytest.approx(ups * 10.0 / duration, rel=0.35)
    assert run.first_scale_up_difference_seconds == pytest.approx(10.0)
    longer = run.local.latencies["ttft"].p50_seconds - run.sim.latencies["ttft"].p50_seconds
    assert longer == pytest.approx(10.0)
    assert not found.within_limits


def test_the_page_says_what_is_beyond_a_limit(sim: Recording):
    """Unseen pairs have a table of their own; a pair beyond a limit says which."""
    good = pair_of(PAIR, [(Run(PAIR, 1), (sim, sim))])
    bad = pair_of(PAIR, [(Run(PAIR, 1), (sim, later(sim, 10.0)))])
    tables = page.tables([good, bad])
    rows = tables["seen"].splitlines()[2:]
    assert "beyond" not in rows[0]
    assert "p50" in rows[1].rpartition("beyond")[2]
    assert len(tables["unseen"].splitlines()) == 2


def test_the_plot_is_one_well_formed_picture(sim: Recording):
    """A line per run and world."""
    root = ElementTree.fromstring(plot({PAIR: [(sim, later(sim, 10.0))]}))  # noqa: S314 - ours
    lines = [one for one in root.iter() if one.tag.endswith("polyline")]
    assert len(lines) == 2


def test_the_committed_page_is_that_of_the_committed_figures():
    """Nobody edits a table by hand."""
    from scalecert.bundled import bundled
    from scalecert.recording.agreement import FILE, load_agreement

    spec = load_agreement(bundled("fixtures", FILE))
    assert spec is not None
    text = Path(page.PAGE).read_text(encoding="utf-8")
    for name, table in page.tables(spec.pairs).items():
        assert f"<!-- table {name} -->\n{table}\n<!-- end -->" in text
