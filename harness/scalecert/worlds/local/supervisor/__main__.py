"""`python -m scalecert.worlds.local.supervisor DIRECTORY LOCK LOCK_DESCRIPTOR HARNESS_PID`."""

from __future__ import annotations

import sys
from pathlib import Path

from scalecert.worlds.local.supervisor.guard import Home, run

if __name__ == "__main__":
    directory, lock, descriptor, harness = sys.argv[1:]
    run(Home(Path(directory), Path(lock), int(descriptor)), int(harness))
