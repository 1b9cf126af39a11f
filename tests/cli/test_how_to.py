"""The pages of docs/how-to lead where they say, word by word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from own_suites import POLICY, ROOT, scalecert

from scalecert.engines.profiles import load_profile

PAGES = ROOT / "docs/how-to"


def test_the_page_leads_to_a_verdict(tmp_path: Path):
    """Its commands, with its scenario and test, in a folder of one's own."""
    page = (PAGES / "add-a-scenario.md").read_text()
    (tmp_path / "policy.yaml").write_text(POLICY.read_text())
    init, certify, run, recheck = re.findall(
        r"^ *(?:\.venv/bin/)?(scalecert .+)$", page, re.MULTILINE
    )
    assert _scalecert(init, tmp_path) == 0
    for language, name in (("yaml", "lunch-peak.yaml"), ("python", "test_lunch_peak.py")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        (tmp_path / "load_tests" / name).write_text(block)
    # With a capacity of its own, for the search is what takes long.
    certify, run = f"{certify} --capacity 1.8", f"{run} --capacity 1.8"
    assert _scalecert(certify, tmp_path) in (0, 1)
    spec = json.loads((tmp_path / "out/certificate.json").read_text())["spec"]
    assert spec["suite"]["name"] == "load_tests"
    (scenario,) = spec["scenarios"]
    found = {finding["id"] for finding in scenario["findings"]}
    assert {"slo-attainment", "no-request-lost"} <= found
    assert not {"case-completed", "author-assertion"} & found
    assert {path.name for path in (tmp_path / "out/recordings/lunch-peak").iterdir()} >= {
        "seed-1",
        "slow",
    }
    assert _scalecert(run, tmp_path) == 0
    assert _scalecert(recheck, tmp_path) in (0, 1, 3)


def test_the_first_case_has_a_verdict_as_it_stands(tmp_path: Path):
    """What `init` makes, and the command that it prints, tell a policy's quality at once.

    An estimated profile decides an objective that leaves room for its error.
    """
    (tmp_path / "policy.yaml").write_text(POLICY.read_text())
    assert _scalecert("scalecert init own", tmp_path) == 0
    line = "scalecert certify policy.yaml --suite own --objective ttft_p95=2s"
    assert _scalecert(f"{line} --capacity 1.8", tmp_path) == 0


def test_every_way_to_a_profile_of_ones_own(tmp_path: Path):
    """From a model's config.json, a file of shapes, a file of accelerators; each can be used."""
    page = (PAGES / "estimate-a-profile.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        (tmp_path / re.search(r"# (\w+\.yaml)", block)[1]).write_text(block)
    config = tmp_path / "path/to/config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(CONFIG))
    *estimates, _ = re.findall(r"^ {4}(scalecert .+)$", page, re.MULTILINE)
    assert len(estimates) == 3
    for line in estimates:
        assert _scalecert(line, tmp_path) == 0
        assert load_profile(str(tmp_path / "my.yaml")).spec.provenance.kind == "estimated"


def test_an_engine_is_added_by_a_package_and_a_line(tmp_path: Path):
    """Its commands and its line, in a checkout of its own: the command line knows the engine."""
    page = (PAGES / "add-an-engine.md").read_text()
    for folder in ("harness", "fixtures/profiles", "tests/engines"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    registry = tmp_path / "harness/scalecert/engines/registry.py"
    (line,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    registry.write_text(registry.read_text().replace("_MODULES = {\n", "_MODULES = {\n" + line))
    lines = re.findall(
        r"^ {4}((?:mkdir|cp|touch|python -m scalecert profile) .+)$", page, re.MULTILINE
    )
    assert len(lines) == 4
    for command in lines:
        words = command.replace("python", sys.executable).split()
        subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": "harness"}, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "scalecert", "profiles"],
        cwd=tmp_path,
        env={"PYTHONPATH": "harness"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "toy_llama-2-7b_l4" in done.stdout


CONFIG = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


def _scalecert(line: str, folder: Path) -> int:
    _, *words = line.split()
    done = scalecert(*words, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode
