"""`--workload`: a document, or a trace by itself, refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import UsageError
from scalecert.workload.model import TraceRate
from scalecert.workload.override import load_workload

HEAD = "apiVersion: scalecert.dev/v1\nkind: Workload\nmetadata: {name: own}\nspec:\n"
EIGHT = "{distribution: fixed, tokens: 8}"
FIXED = f"  sizes: {{input: {EIGHT}, output: {EIGHT}}}\n"
TRACE = "  sizes: trace\n  trace: {file: %s}\n"
ROWS = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46,10,20\n"
    "2023-11-16 18:15:4{},10,{}\n"
)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("  sizes: trace\n", "own.yaml:4: spec: found no trace, expected one to read from"),
        (FIXED + "  rate: {shape: trace}\n", "own.yaml:4: spec: found no trace"),
        (FIXED + "  trace: {file: good.csv}\n", "found a trace that neither rate nor sizes uses"),
        (TRACE % "goood.csv", "goood.csv: no such file (did you mean good.csv?)"),
        (TRACE % "back.csv", "back.csv:3: found a request 1 s before"),
        (TRACE % "less.csv", "less.csv:3: GeneratedTokens: found -5"),
        (TRACE % "/etc/hosts", "own.yaml: file: found '/etc/hosts'"),
    ],
)
def test_what_can_not_be_used_is_one_line(tmp_path: Path, spec: str, words: str) -> None:
    """The document, and the files that it names, are refused with file, line and field."""
    (tmp_path / "good.csv").write_text(ROWS.format(7, 20))
    (tmp_path / "back.csv").write_text(ROWS.format(5, 20))
    (tmp_path / "less.csv").write_text(ROWS.format(7, -5))
    (tmp_path / "own.yaml").write_text(HEAD + spec)
    with pytest.raises(UsageError) as caught:
        load_workload(str(tmp_path / "own.yaml"))
    assert words in str(caught.value)


def test_a_trace_by_itself_is_replayed(tmp_path: Path) -> None:
    """A file that is no YAML or JSON is a trace: its own sizes, at its own times."""
    (tmp_path / "good.csv").write_text(ROWS.format(7, 20))
    change = load_workload(str(tmp_path / "good.csv")).spec
    assert (change.sizes, change.rate) == ("trace", TraceRate())
    assert change.trace is not None
    assert change.trace.file == "good.csv"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Of whatever kind it would have been."""
    with pytest.raises(UsageError, match=r"none\.csv: no such file"):
        load_workload(str(tmp_path / "none.csv"))
