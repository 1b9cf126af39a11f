"""Comparing a profile with a measured server: what the guard band is as wide as."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.profiles import load_profile, profile_text, with_errors
from scalecert.errors import UsageError
from scalecert.planning.comparison import COLUMNS, Comparison, Figure, compare, errors_of

ROOT = Path(__file__).parents[2]
SWEEP = ROOT / "fixtures/golden/vllm-h200/d2_sweep/requests.csv.gz"
FLAGS = ("--max-num-seqs=256", "--max-num-batched-tokens=2048")
PROFILE = "vllm_llama-2-7b_h200"


def write(path: Path, rows: Iterable[Iterable[object]], header: Iterable[str] = COLUMNS) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(header), *rows])
    return path


def measured(phase: str, *, slower: float = 1.0) -> list[list[float]]:
    """Return the requests of a phase of the real server, its latencies times `slower`."""
    rows = []
    with gzip.open(SWEEP, "rt") as file:
        for row in csv.DictReader(file):
            if row["phase"] == phase and row["status"] == "200":
                sent, first, last = (float(row[name]) for name in ("t_send", "t_first", "t_last"))
                count = int(row["out_tok"])
                tpot = (last - first) / max(count - 1, 1)
                rows.append(
                    [sent, int(row["in_tok"]), count, slower * (first - sent), slower * tpot]
                )
    return rows


def test_the_measured_profile_is_close_to_its_server(tmp_path: Path):
    """On a load below saturation the errors found are no larger than those that it states."""
    profile = load_profile(PROFILE)
    found = compare(profile, FLAGS, write(tmp_path / "m.csv", measured("p070")))
    errors = errors_of(found, "m.csv")
    assert found.requests == 2354
    assert errors["prefill"].relative <= profile.spec.errors.prefill.relative
    assert errors["decode"].relative <= profile.spec.errors.decode.relative
    assert "startup" not in errors


def test_a_slower_server_shows_as_error(tmp_path: Path):
    """A server that takes 1.25 x as long is predicted a fifth too fast, in both parts."""
    path = write(tmp_path / "m.csv", measured("p040", slower=1.25))
    errors = errors_of(compare(load_profile(PROFILE), FLAGS, path), "m.csv")
    assert 0.17 <= errors["prefill"].relative <= 0.23
    assert 0.17 <= errors["decode"].relative <= 0.23


def test_order_and_start_of_the_file_mean_nothing(tmp_path: Path):
    """Requests may come in any order, from any start of the clock; further columns pass."""
    rows = measured("p040")
    shifted = [[row[0] + 1e4, *row[1:], "x"] for row in reversed(rows)]
    one = compare(load_profile(PROFILE), FLAGS, write(tmp_path / "a.csv", rows))
    other = write(tmp_path / "b.csv", shifted, (*COLUMNS, "note"))
    two = compare(load_profile(PROFILE), FLAGS, other)
    for first, second in zip(one.figures, two.figures, strict=True):
        assert second.predicted == pytest.approx(first.predicted, rel=1e-3)


def test_a_measured_start_up_counts(tmp_path: Path):
    """70 s of the profile against 56 s are 25 %."""
    path = write(tmp_path / "m.csv", measured("p040"))
    found = compare(load_profile(PROFILE), FLAGS, path, ready_seconds=56.0)
    assert errors_of(found, "m.csv")["startup"].relative == 0.25


@pytest.mark.parametrize("seconds", [0.0, 5e-324, float("nan"), float("inf")])
def test_a_start_up_that_takes_no_time_or_for_ever_is_refused(tmp_path: Path, seconds: float):
    """Neither has an error that is a number."""
    with pytest.raises(UsageError, match="--ready: found"):
        compare(load_profile(PROFILE), (), write(tmp_path / "m.csv", GOOD), ready_seconds=seconds)


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=2),
    st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=2),
)
@settings(derandomize=True, max_examples=100)
def test_the_error_covers_every_figure(truth: list[float], predicted: list[float]):
    """The error of a part is at least each figure's, and less than one per cent more."""
    figures = tuple(Figure("TTFT", *pair) for pair in zip(truth, predicted, strict=True))
    error = errors_of(Comparison(200, figures, figures, ()), "")["prefill"].relative
    worst = max(abs(figure.error) for figure in figures)
    assert worst - 1e-9 <= error < worst + 0.01


def test_the_errors_go_into_the_profile(tmp_path: Path):
    """The profile with its errors is read back as it was written."""
    profile = load_profile(PROFILE)
    path = write(tmp_path / "m.csv", measured("p040"))
    changed = with_errors(profile, errors_of(compare(profile, FLAGS, path), "m.csv"))
    (tmp_path / "p.yaml").write_text(profile_text(changed))
    errors = load_profile(str(tmp_path / "p.yaml")).spec.errors
    assert errors.decode.basis == "measured"
    assert errors.decode.note == "TPOT p50, TPOT mean of m.csv"
    assert errors.startup == profile.spec.errors.startup


GOOD = [[0.1 * number, 100, 50, 0.1, 0.01] for number in range(200)]


@pytest.mark.parametrize(
    ("rows", "header", "problem"),
    [
        (GOOD[:199], COLUMNS, "found 199 requests with a TTFT, expected 200 or more"),
        (GOOD, COLUMNS[:-1], "lacks the columns tpot_seconds"),
        ([*GOOD, [1, "many", 5, 0.1, 0.1]], COLUMNS, ":202: input_tokens: found 'many'"),
        ([*GOOD, [1, 5, 0, 0.1, 0.1]], COLUMNS, "output_tokens: found '0'"),
        ([*GOOD, [1, 5, 5, "nan", 0.1]], COLUMNS, "ttft_seconds: found 'nan'"),
        ([*GOOD, [1, 5, 5]], COLUMNS, "ttft_seconds: found ''"),
        (
            [*GOOD, [1, 9000, 5, 0.1, 0.1]],
            COLUMNS,
            "found a request of 9000 tokens and 5",
        ),
        ([], COLUMNS, "found 0 requests"),
        ([*GOOD, ['"' + "x" * 200_000]], COLUMNS, ":202: sent_seconds: found"),
        ([*GOOD, [1, 1e308, 1e308, 0.1, 0.1]], COLUMNS, "input_tokens: found '1e+308'"),
        ([*GOOD, [1, 5, 5, 1e300, 0.1]], COLUMNS, "ttft_seconds: found '1e+300'"),
        ([*GOOD, [1.7e12, 5, 5, 0.1, 0.1]], COLUMNS, "found requests sent over 1.7e+12 s"),
        ([[*row[:3], 0, 0] for row in GOOD], COLUMNS, "found a TTFT of 0 s at the median"),
        ([[*row[:4], 5e-324] for row in GOOD], COLUMNS, "found a TPOT of 4.94066e-324 s"),
    ],
)
def test_what_can_not_be_used_is_refused(tmp_path: Path, rows, header, problem: str):
    """One line says the file, where it can the line and column, and what was expected."""
    with pytest.raises(UsageError) as caught:
        compare(load_profile(PROFILE), (), unusable(tmp_path, rows, header))
    assert problem in str(caught.value)
    assert "m.csv" in str(caught.value)


def unusable(folder: Path, rows, header) -> Path:
    """Write the file without quotes of ours."""
    text = "\n".join(",".join(map(str, row)) for row in [header, *rows])
    (folder / "m.csv").write_text(text)
    return folder / "m.csv"


def test_a_server_that_refuses_what_was_measured_is_not_compared(tmp_path: Path):
    """Flags under which requests are refused are not those of the server that served them."""
    path = write(tmp_path / "m.csv", [[0.0, *row[1:]] for row in GOOD])
    with pytest.raises(UsageError, match=r"refuses .*--server-args"):
        compare(load_profile(PROFILE), ("--max-num-queued-reqs=10",), path)
