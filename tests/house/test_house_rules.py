"""The house rules, held by their tools: style, types, layers, and what documents promise."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_tool(module: str, *arguments: str) -> None:
    if importlib.util.find_spec(module.split(".", maxsplit=1)[0]) is None:
        pytest.skip(f"{module} is not installed (requirements/dev.txt has it)")
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    """The whole tree passes ruff's rules."""
    run_tool("ruff", "check", ".")


def test_ruff_would_format_nothing():
    """The whole tree is formatted."""
    run_tool("ruff", "format", "--check", ".")


def test_mypy_strict_finds_nothing():
    """The package is fully typed."""
    run_tool("mypy")


def test_the_import_contracts_hold():
    """Layers import downwards only; judging and running never meet."""
    run_tool("importlinter.cli", "lint-imports")


def test_ci_runs_the_readmes_second_line():
    """What the README tells people to paste is what CI runs."""
    block = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block[1].strip() in (ROOT / ".ci/run").read_text()


def test_the_package_never_names_this_checkout():
    """No absolute path of a developer's machine is in what is shipped."""
    for folder in ("harness", "suites", "fixtures/policies", "fixtures/profiles"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".yaml", ".md"}:
                assert str(ROOT) not in file.read_text(), file
