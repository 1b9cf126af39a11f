"""Compare google-jetstream's own orchestrator with the engine model and with the mock server.

    python tools/golden_jetstream.py [--without-mock] [--write]

Needs what tools/jetstream_golden/requirements.txt pins, which is 3 GB: `nox -s golden-jetstream`
installs it. All serve the same scripts, a minute each. The exit code is 1 if they differ in
anything that is not accounted for below, or agree in what is. `--write` writes the table to
docs/golden-jetstream.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from jetstream_golden.causes import CAUSES  # noqa: E402
from jetstream_golden.claims import FACTS  # noqa: E402
from jetstream_golden.live import Live  # noqa: E402
from jetstream_golden.modelled import Modelled  # noqa: E402
from jetstream_golden.record import Record  # noqa: E402
from jetstream_golden.scripts import SCRIPTS, Script  # noqa: E402
from jetstream_golden.servers import STEP_SECONDS, mock_server, real_server  # noqa: E402
from jetstream_golden.table import Row, markdown, rows  # noqa: E402

PAGE = ROOT / "docs/golden-jetstream.md"
MARK = "<!-- table -->\n"
PACKAGES = ("google-jetstream", "jax", "jaxlib", "flax", "numpy", "grpcio", "prometheus-client")
DISPATCHES = ("waits", "ahead")
"""As real_server.py has them."""


def records(server: AbstractContextManager[Live]) -> dict[Script, Record]:
    """Return what a server does with the scripts."""
    with server as live:
        return {script: live.run(script) for script in SCRIPTS}


def compared(*, with_mock: bool) -> list[Row]:
    """Return the table."""
    real = {dispatch: records(real_server(dispatch)) for dispatch in DISPATCHES}
    ours = {"model": {script: Modelled(script).run() for script in SCRIPTS}}
    if with_mock:
        ours["mock"] = records(mock_server())
    return list(rows(FACTS, real, ours, CAUSES))


def versions() -> str:
    """Return what was run."""
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"Python {python}", *(f"{name} {version(name)}" for name in PACKAGES)])


def write(lines: Sequence[str]) -> None:
    """Put the table into its page, after the mark."""
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{before}{mark}\n" + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Print the table; return 1 if it has a difference that is not accounted for."""
    parser = argparse.ArgumentParser(description="google-jetstream against the model and the mock")
    parser.add_argument("--without-mock", action="store_true", help="the engine model alone")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    table = compared(with_mock=not given.without_mock)
    lines = [f"{versions()}. Steps and prefills of {STEP_SECONDS:g} s.", "", *markdown(table)]
    print("\n".join(lines))
    if given.write:
        write(lines)
    unaccounted = [row for row in table if not row.accounted_for]
    for row in unaccounted:
        print(f"not accounted for: {row.script}: {row.fact}", file=sys.stderr)
    return int(bool(unaccounted))


if __name__ == "__main__":
    sys.exit(main())
