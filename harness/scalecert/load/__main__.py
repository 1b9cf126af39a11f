"""`python -m scalecert.load FOLDER GENERATOR`: Locust with our Locust file, in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scalecert.load.generator_options import FOLDER, GENERATOR

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_OPTIONS = (
    "--headless",
    "--users=1",
    "--spawn-rate=1",
    "--only-summary",
    "--loglevel=WARNING",
    "--exit-code-on-error=0",
)


def main(words: list[str]) -> None:
    """Run Locust to its end."""
    folder, generator = words
    os.environ |= {FOLDER: folder, GENERATOR: generator}
    from locust.main import main as locust

    sys.argv = ["locust", "-f", str(_LOCUSTFILE), *_OPTIONS]
    locust()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
