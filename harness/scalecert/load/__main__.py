"""`python -m scalecert.load`: Locust with our Locust file, in this process.

generator FOLDER NUMBER           one of the generators of a load on this machine
master FOLDER WORKERS HOST PORT   of a load on several machines, told by its folder
worker HOST PORT                  of a master: what is started on the other machines
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scalecert.load.generator_options import FOLDER, GENERATOR

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_OPTIONS = ("--headless", "--only-summary", "--loglevel=WARNING", "--exit-code-on-error=0")


def main(words: list[str]) -> None:
    """Run Locust to its end."""
    match words:
        case ["generator", folder, generator]:
            os.environ |= {FOLDER: str(Path(folder).resolve()), GENERATOR: generator}
            _locust("--users=1", "--spawn-rate=1")
        case ["master", folder, workers, host, port]:
            os.environ[FOLDER] = str(Path(folder).resolve())
            _locust(
                *("--master", f"--master-bind-host={host}", f"--master-bind-port={port}"),
                *(f"--expect-workers={workers}", f"--users={workers}", f"--spawn-rate={workers}"),
            )
        case ["worker", host, port]:
            _locust("--worker", f"--master-host={host}", f"--master-port={port}")
        case _:
            sys.exit(__doc__)


def _locust(*options: str) -> None:
    """Run Locust with these options and no others: it would read the user's files and variables."""
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        del os.environ[name]
    os.environ["HOME"] = os.devnull
    os.chdir("/")
    from locust.main import main as locust

    sys.argv = ["locust", "-f", str(_LOCUSTFILE), *_OPTIONS, *options]
    locust()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
