"""`scalecert certify` with seeds and corners: what they decide, what they leave open, `--quick`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from own_suites import FAILING, PASSING, POLICY, WORDS, undated, write_suite

EDGE = "id: tpot-objective"
"""TPOT p95 is 68 ms by the profile, 92 ms where it is 30 % slower."""


def test_an_objective_within_the_profiles_error_is_open(tmp_path: Path, here):
    """Exit code 3 and the one measurement that decides; rechecking says it byte for byte."""
    suite = write_suite(tmp_path / "own", calm=EDGE)
    words = ("--objective", "ttft_p95=2s,tpot_p95=75ms", "--capacity=1.8", "--jobs=1")
    done = here("certify", POLICY, *words, "--suite", suite)
    assert done.returncode == 3, done.stderr
    assert "decode is known to ±30 % (assumed)" in " ".join(done.stdout.split())
    assert "next: measure decode (TPOT) of vllm llama-2-7b on l4" in done.stdout
    runs = [path.name for path in (tmp_path / "out/recordings/calm").iterdir()]
    assert sorted(runs) == [
        "fast", "seed-1", "seed-2", "seed-3", "slow", "slow-decode", "slow-prefill", "slow-startup",
    ]  # fmt: skip
    again = json.loads(here("recheck", "out", "--json").stdout)
    del again["metadata"]["date"]
    assert again == undated(tmp_path / "out")


def test_an_objective_with_room_is_decided(tmp_path: Path, here):
    """Beyond what the profile's error can turn, either way, and the margin is on the first line."""
    suite = write_suite(tmp_path / "own", calm=EDGE)
    common = ("certify", POLICY, "--capacity=1.8", "--jobs=1", "--suite", suite)
    wide = here(*common, "--objective", "ttft_p95=2s,tpot_p95=200ms")
    assert wide.returncode == 0
    first, _ = (line for line in wide.stdout.splitlines() if line.startswith("CERTIFIED S1"))
    assert first.endswith(" % margin")
    tight = here(*common, "--objective", "ttft_p95=2s,tpot_p95=30ms")
    assert tight.returncode == 1
    assert "% margin" not in tight.stdout


@pytest.mark.parametrize("check", [PASSING, FAILING])
def test_a_quick_run_is_only_indicative(tmp_path: Path, here, check: str):
    """One run per scenario, whatever it says: exit code 3, and neither headline of a verdict."""
    suite = write_suite(tmp_path / "own", calm=check)
    done = here("certify", POLICY, *WORDS, "--quick", "--suite", suite)
    assert done.returncode == 3, done.stderr
    verdict = "PASS" if check == PASSING else "FAIL"
    assert f"\nINDICATIVE {verdict} S1" in done.stdout
    assert "CERTIFIED" not in done.stdout
    assert f"calm: indicative {verdict.lower()}\n" in done.stderr
    junit = (tmp_path / "out/junit.xml").read_text()
    assert '<testcase classname="calm" name="guard-band">' in junit
    assert "indicative only" in junit
    assert [path.name for path in (tmp_path / "out/recordings/calm").iterdir()] == ["seed-1"]
    again = here("recheck", "out")
    assert (again.returncode, again.stdout) == (3, done.stdout)


def test_a_certificate_that_lost_a_run_is_only_indicative(tmp_path: Path, here):
    """Without its slow corner nobody knows that the policy holds there."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    assert here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite).returncode == 0
    shutil.rmtree(tmp_path / "out/recordings/calm/slow")
    again = here("recheck", "out")
    assert again.returncode == 3
    assert "INDICATIVE PASS S1" in again.stdout


def test_recordings_of_an_edited_policy_are_not_judged_together(tmp_path: Path, here):
    """Two seeds of two policies: one line that names the folder, exit code 2, and no verdict."""
    suite = write_suite(tmp_path / "own", duration="1m", calm=PASSING, busy=PASSING)
    edited = tmp_path / "edited.yaml"
    edited.write_text(POLICY.read_text().replace("maxReplicas: 10", "maxReplicas: 9"))
    here("run", suite / "calm.yaml", "--policy", POLICY, *WORDS)
    here("run", suite / "calm.yaml", "--policy", edited, *WORDS, "--seed", "2")
    done = here("recheck", "out/recordings/calm")
    assert (done.returncode, done.stdout) == (2, "")
    assert "out/recordings/calm/seed-2: is of another policy" in done.stderr
    shutil.rmtree(tmp_path / "out/recordings/calm/seed-2")
    here("run", suite / "busy.yaml", "--policy", edited, *WORDS)
    done = here("recheck", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_run_says_its_load_in_absolute_figures(tmp_path: Path, here):
    """Requests and tokens per second, of the load and of one replica, whatever the unit was."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    done = here("run", suite / "calm.yaml", "--policy", POLICY, *WORDS)
    assert done.returncode == 0
    figures = r"[\d.]+ requests/s \([\d,]+ input \+ [\d,]+ output tokens/s\)"
    assert re.search(rf"load up to {figures}", done.stdout)
    assert re.search(rf"one replica carries {figures}", done.stdout)
