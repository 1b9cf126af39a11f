"""Logs of JSON lines, as a process leaves them that was ended at any moment."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.errors import EnvironmentFault
from scalecert.worlds.recorder.logs import MetricsAnswer, PodLine, read_lines, read_text

LINE = {"time": 1.5, "namespace": "x", "pod": "a", "ordinal": 0, "what": "exited", "code": 137}
ANSWER = {
    "time": 2.0,
    "agent": "x",
    "api": "custom",
    "metric": "m",
    "object": "*",
    "status": 200,
    "values": [{"name": "a", "milli": 1500}],
    "canary": False,
}


def test_lines_are_read_and_other_fields_are_passed_over(tmp_path):
    """The writers know more than the recorder asks."""
    file = tmp_path / "log"
    file.write_text(json.dumps(LINE) + "\n")
    assert read_lines(file, PodLine) == (PodLine(1.5, "a", 0, "exited", code=137),)
    file.write_text(json.dumps(ANSWER) + "\n")
    (answer,) = read_lines(file, MetricsAnswer)
    assert (answer.metric, answer.values[0].milli) == ("m", 1500)


@settings(derandomize=True, max_examples=40)
@given(cut=st.integers(0, 200))
def test_half_a_line_at_the_end_is_passed_over(cut, tmp_path_factory):
    """Whole lines are never lost, and no half one is read."""
    text = (json.dumps(LINE) + "\n") * 3
    file = tmp_path_factory.mktemp("logs") / "log"
    file.write_text(text[:cut])
    whole = text[:cut].count("\n") + (cut < len(text) and text[cut] == "\n")
    assert len(read_lines(file, PodLine)) == whole


def test_a_damaged_line_is_told_with_its_number(tmp_path):
    """Evidence is not dropped in silence."""
    file = tmp_path / "log"
    file.write_text(json.dumps(LINE) + '\n{"time": "soon"}\n')
    with pytest.raises(EnvironmentFault, match="log:2: "):
        read_lines(file, PodLine)


def test_a_missing_log_is_a_fault_of_the_world(tmp_path):
    """Whoever should have written it did not run."""
    with pytest.raises(EnvironmentFault, match="can't be read: No such file"):
        read_lines(tmp_path / "log", PodLine)


def test_text_ends_with_its_last_whole_line(tmp_path):
    """So that half a klog entry is no entry."""
    file = tmp_path / "log"
    file.write_bytes(b"one\ntwo\xff\nthr")
    assert read_text(file) == "one\ntwo\N{REPLACEMENT CHARACTER}\n"
