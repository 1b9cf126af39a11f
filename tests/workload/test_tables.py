"""What a workload reads from disk."""

from __future__ import annotations

import hashlib

import pytest

from scalecert.errors import UsageError
from scalecert.workload import files
from scalecert.workload.tables import NO_TABLES, load_tables, read_pairs

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,5,6\n2023-11-17,7,8\n"
PAIRS = "input_tokens,output_tokens\n10, 20\n30,40\n"
CONSTANT = {"shape": "constant", "rate": 1}


def test_nothing_to_read(decode):
    """A workload that names no file reads none."""
    assert load_tables(decode(CONSTANT), None) == NO_TABLES


def test_everything_is_read_once(decode, tmp_path):
    """Trace and size pairs come with the digest of their file."""
    (tmp_path / "trace.csv").write_text(AZURE)
    (tmp_path / "pairs.csv").write_text(PAIRS)
    both = {"distribution": "empirical", "file": "pairs.csv"}
    sizes = {"input": both, "output": both}
    workload = decode({"shape": "trace"}, sizes=sizes, trace={"file": "trace.csv"})
    tables = load_tables(workload, tmp_path)
    assert tables.trace is not None
    assert tables.trace.span_seconds == 86_400
    assert tables.pairs["pairs.csv"].output_tokens.tolist() == [20, 40]
    digest = f"sha256:{hashlib.sha256(AZURE.encode()).hexdigest()}"
    assert tables.digests["trace.csv"] == digest
    assert set(tables.digests) == {"trace.csv", "pairs.csv"}


def test_manifest_stays_in_its_folder(decode, tmp_path):
    """Traces and size files of a manifest lie in its folder; a flag's may lie anywhere."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "trace.csv").write_text(AZURE)
    (tmp_path / "pairs.csv").write_text(PAIRS)
    outside = {"distribution": "empirical", "file": "../pairs.csv"}
    by_trace = decode({"shape": "trace"}, sizes="trace", trace={"file": "../trace.csv"})
    by_sizes = decode(CONSTANT, sizes={"input": outside, "output": outside})
    for workload in (by_trace, by_sizes):
        with pytest.raises(UsageError, match="inside the manifest's folder"):
            load_tables(workload, tmp_path / "inside")
    flag = decode({"shape": "trace"}, sizes="trace", trace={"file": str(tmp_path / "trace.csv")})
    assert load_tables(flag, None).trace is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: found '', expected the columns input_tokens,output_tokens"),
        ("10,20\n", r":1: found '10,20', expected the columns"),
        ("input_tokens,output_tokens\n", r":1: found no rows"),
        ("input_tokens,output_tokens\n10\n", r":2: found 1 cells, expected 2"),
        ("input_tokens,output_tokens\n10,0\n", r":2: output_tokens: found 0, expected at least 1"),
        ("input_tokens,output_tokens\n10,20\n-1,3\n", r":3: input_tokens: found -1"),
        ("input_tokens,output_tokens\nten,3\n", r":2: input_tokens: found 'ten'"),
    ],
)
def test_pairs_refused(tmp_path, text, message):
    """What is no file of size pairs is refused with file, line and column."""
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"pairs\.csv" + message):
        read_pairs(path)


def test_pairs_are_capped(tmp_path, monkeypatch):
    """Size files have the same limit as traces."""
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    monkeypatch.setattr(files, "MAX_ROWS", 1)
    with pytest.raises(UsageError, match=r"pairs\.csv:3: found more than 1 rows"):
        read_pairs(path)
