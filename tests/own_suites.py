"""A suite of one's own on a shipped policy, and the command line in a child: what tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
POLICY = ROOT / "fixtures/policies/vllm-num-requests-running.yaml"
WORDS = ("--objective", "ttft_p95=2s,tpot_p95=100ms", "--capacity", "1.8")
SCENARIO = """\
apiVersion: scalecert.dev/v1
kind: Scenario
metadata: {{name: {id}}}
spec:
  why: Is one thing true?
  duration: {duration}
  workload:
    arrivals: {{process: poisson}}
    rate: {{shape: constant, rate: {rate}}}
    sizes:
      input: {{distribution: fixed, tokens: 128}}
      output: {{distribution: fixed, tokens: 64}}
  checks:
    - {check}
    - id: signal-present
"""
TEST = """\
def test_{word}(case):
    case.judge(case.record())
"""
PASSING = "id: no-request-lost"
FAILING = "{id: signal-reachable, limit: 1000}"


def write_suite(
    folder: Path, *, rate: str = "0.4 max", duration: str = "2m", **checks: str
) -> Path:
    """Write a suite of short cases, each with one check."""
    folder.mkdir()
    for word, check in checks.items():
        text = SCENARIO.format(id=word, check=check, rate=rate, duration=duration)
        (folder / f"{word}.yaml").write_text(text)
        (folder / f"test_{word}.py").write_text(TEST.format(word=word))
    return folder


def environment(**more: str) -> dict[str, str]:
    path = os.environ["PATH"]
    return {"PYTHONPATH": str(ROOT / "harness"), "PATH": path, **more}


def scalecert(
    *arguments: str | Path, cwd: Path, stdin: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "scalecert", *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def certificate(folder: Path) -> dict:
    return json.loads((folder / "certificate.json").read_text())


def undated(folder: Path) -> dict:
    found = certificate(folder)
    del found["metadata"]["date"]
    return found


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "certificate.json"
    }
