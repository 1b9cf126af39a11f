"""`scalecert lint`: judged by the requests that `certify` would send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalecert import cli
from scalecert.bundled import bundled
from scalecert.cli.traffic import sizes_of, traffic
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

POLICY = bundled("fixtures", "policies", "vllm-num-requests-running.yaml")
LONG_PROMPTS = """\
apiVersion: scalecert.dev/v1
kind: Workload
metadata: {name: long-prompts}
spec:
  sizes:
    input: {distribution: fixed, tokens: 3000}
    output: {distribution: fixed, tokens: 128}
"""


def test_the_default_sizes_are_those_of_the_core_suite():
    """All its scenarios send the same requests, so there is one figure to judge by."""
    (policy,) = load_policies([str(POLICY)])
    (sizes,) = sizes_of(traffic(None), resolve(policy))
    assert sizes.input_tokens == pytest.approx(256.0, rel=0.01)
    assert sizes.output_tokens == pytest.approx(128.0, rel=0.01)


def test_a_workload_of_long_prompts_puts_a_target_out_of_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Five prompts of 3,000 tokens fill the cache, so 16 requests never run at once."""
    assert cli.run(["lint", str(POLICY)]) == 0
    capsys.readouterr()
    workload = tmp_path / "long.yaml"
    workload.write_text(LONG_PROMPTS)
    assert cli.run(["lint", str(POLICY), "--workload", str(workload), "--json"]) == 1
    ((policy,),) = [json.loads(capsys.readouterr().out)]
    (failed,) = [one for one in policy["findings"] if one["verdict"] == "fail"]
    assert failed["id"] == "signal-reachable"
    assert "stays around 5 with requests of 3000 tokens in and 128 out" in failed["message"]
    assert failed["hint"].endswith("from 16 to at most about 3.6")


def test_a_trace_by_itself_has_the_sizes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """As `certify` takes it: the rows of the trace are the requests."""
    trace = tmp_path / "trace.csv"
    trace.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:00:00.0000000,3000,128\n"
        "2023-11-16 18:00:10.0000000,3000,128\n"
    )
    assert cli.run(["lint", str(POLICY), "--workload", str(trace)]) == 1
    assert "with requests of 3000 tokens in and 128 out" in capsys.readouterr().out


def test_a_workload_that_can_not_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2, and one line that names the file."""
    missing = tmp_path / "none.yaml"
    assert cli.run(["lint", str(POLICY), "--workload", str(missing)]) == 2
    assert "none.yaml" in capsys.readouterr().err
