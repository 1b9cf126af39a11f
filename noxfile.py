"""Sessions for people and CI: `nox` runs lint, typing, layers and tests."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "typing", "layers", "tests"]
nox.options.error_on_missing_interpreters = False

LOCK = "requirements/dev.txt"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def install(session: nox.Session) -> None:
    """Install what CI uses: the locked tools, then the project itself."""
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", "-e", ".")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the harness's own tests."""
    install(session)
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session
def control_plane(session: nox.Session) -> None:
    """Build etcd and Kubernetes' binaries into the user's cache: minutes, once."""
    install(session)
    session.run("python", "-m", "scalecert.worlds.local.control_plane")


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the tests that start a real control plane, which is built first if it was not yet."""
    control_plane(session)
    session.run("pytest", "-m", "e2e", *(session.posargs or ["tests/e2e"]))


@nox.session(python=PYTHONS, name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run the tests on every supported Python that is installed."""
    session.install("-e", ".[local]")
    session.install(*nox.project.dependency_groups(nox.project.load_toml(), "dev"))
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests on the oldest dependencies that pyproject.toml allows."""
    session.install("uv")
    session.run(
        *("uv", "pip", "install", "--resolution", "lowest-direct"),
        *("-e", ".[local]", "--group", "test"),
    )
    session.run("pytest", "--ignore=tests/house", *(session.posargs or ["-n", "2"]))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz whatever a user may hand over: `nox -s fuzz -- [--hypothesis-seed=N]`."""
    install(session)
    seeded = any(option.startswith("--hypothesis-seed") for option in session.posargs)
    seed = [] if seeded else [f"--hypothesis-seed={secrets.randbelow(2**32)}"]
    session.run(
        *("pytest", "tests/fuzz", "-n", "2", "--dist", "worksteal", *seed, *session.posargs),
        env={
            "SCALECERT_FUZZ_EXAMPLES": "10000",
            "HYPOTHESIS_STORAGE_DIRECTORY": session.create_tmp(),
        },
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session)
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Check the import contracts that ARCHITECTURE.md states."""
    install(session)
    session.run("lint-imports")


@nox.session
def suites(session: nox.Session) -> None:
    """Run the shipped suites under bare pytest: `nox -s suites -- --policy FILE ...`."""
    install(session)
    session.run("pytest", "suites", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Print what every check says of recordings in which one thing went wrong."""
    install(session)
    session.run("python", "tools/mutant_table.py", *session.posargs)


@nox.session
def policies(session: nox.Session) -> None:
    """Hold the checks to policies of known faults: `nox -s policies -- --seeds 5 [--write]`."""
    install(session)
    session.run("python", "tools/policy_matrix.py", *session.posargs)


@nox.session
def published(session: nox.Session) -> None:
    """Hold the engine models to what their documentation claims: `nox -s published -- --write`."""
    install(session)
    session.run("python", "tools/published.py", *session.posargs)


@nox.session
def fidelity(session: nox.Session) -> None:
    """Run the same in sim and in world local, and compare: `nox -s fidelity -- --write`."""
    install(session)
    session.run("python", "tools/fidelity.py", *session.posargs)


@nox.session(name="guard-band")
def guard_band(session: nox.Session) -> None:
    """Hold the guard band to seeds and engines that it did not run: minutes per policy."""
    install(session)
    session.run("python", "tools/guard_band_study.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed: `nox -s bench -- --json FILE`."""
    install(session)
    session.run("python", "benchmarks", *session.posargs)


@nox.session(python="3.11", name="golden-jetstream")
def golden_jetstream(session: nox.Session) -> None:
    """Hold JetStream's models to google-jetstream (3 GB): `nox -s golden-jetstream -- --write`."""
    session.install("-r", "tools/jetstream_golden/requirements.txt", "-e", ".[mock]")
    session.run("python", "tools/golden_jetstream.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Load the mock servers for minutes, and check their books: `nox -s soak -- [ENGINE]`."""
    install(session)
    session.run("python", "benchmarks/soak.py", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and prove it in an empty environment, beside folders of the same names."""
    install(session)
    dist = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--wheel", "--outdir", str(dist), silent=True)
    session.run("python", "tools/prove_wheel.py", str(max(dist.glob("*.whl"))))


@nox.session
def image(session: nox.Session) -> None:
    """Build the mock servers' image and prove it: `nox -s image -- podman` (docker if not said)."""
    install(session)
    base = "docker.io/library/python:3.13-slim"
    session.run(session.posargs[0] if session.posargs else "docker", "pull", base, external=True)
    session.run("pytest", "tests/mock_servers/test_image.py")


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Write the locks that CI and the image install from (needs uv on PATH)."""

    def compile_lock(target: str, *sources: str) -> None:
        session.run(
            *("uv", "pip", "compile", *sources, "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-emit-index-url", "--no-header", "--quiet"),
            *("--output-file", f"requirements/{target}.txt"),
            external=True,
        )

    compile_lock("dev", "pyproject.toml", "--group", "dev", "--extra", "local")
    for name in ("mock", "build"):
        compile_lock(name, f"requirements/{name}.in", "--constraint", LOCK)


if __name__ == "__main__":
    sys.exit("run this with nox: `nox --list` shows the sessions")
