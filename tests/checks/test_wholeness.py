"""A recording that lacks a part of the run passes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_plan, make_recording, make_series

from scalecert.checks.finding import Verdict
from scalecert.checks.judge import judge
from scalecert.checks.wholeness import recording_gap


def without(lost: slice) -> dict[str, np.ndarray]:
    """Return the series of a good run without some of its 80 syncs."""
    kept = np.delete(np.arange(80), lost)
    return {
        name: column[kept] if name.startswith("sync.") else column
        for name, column in make_series().items()
    }


def test_a_whole_recording_has_no_gap() -> None:
    """Every sync that the run had time for is there."""
    assert recording_gap(make_recording()) == ""


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (slice(40, None), "40 of at least 79 syncs of the HPA, the last at 600 s"),
        (slice(0, 40), "40 of at least 79 syncs of the HPA, the last at 1200 s"),
        (slice(None), "0 of at least 79 syncs of the HPA"),
        (slice(20, 23), ""),
    ],
    ids=["stopped half-way", "began half-way", "no sync", "three lost"],
)
def test_syncs_that_are_missing_are_told(lost: slice, told: str) -> None:
    """A few may be lost; a world that stopped half-way saw half of the run."""
    gap = recording_gap(make_recording(series=without(lost)))
    assert gap == (told and f"the recording is not whole: {told}")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_count_of_pods_that_is_no_number_is_told(value: float) -> None:
    """No comparison with it would ever be true, and `never above` would pass."""
    series = make_series()
    series["pods.ready"] = np.full_like(series["pods.ready"], value)
    gap = recording_gap(make_recording(series=series))
    assert gap == "the recording is not whole: pods.ready has entries that are no number"


def test_requests_that_are_missing_from_the_log_are_told() -> None:
    """A log that lost rows lost their latencies, and what is left may keep every limit."""
    whole = make_recording()
    half = {name: column[::2] for name, column in whole.requests.items()}
    gap = recording_gap(replace(whole, requests=half))
    assert gap == ("the recording is not whole: 6,000 requests are in its log, 12,000 were planned")


def test_half_a_recording_is_inconclusive_in_every_check() -> None:
    """Also in those that read only what is there."""
    plan = make_plan(checks=["signal-present", "no-request-lost", "scale-events-per-hour"])
    _, *findings = judge(make_recording(plan=plan, series=without(slice(40, None))))
    assert {finding.verdict for finding in findings} == {Verdict.INCONCLUSIVE}
    assert all(finding.message.startswith("the recording is not whole") for finding in findings)
    assert all(finding.next_step.startswith("record the scenario again") for finding in findings)
