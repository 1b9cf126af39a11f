"""Everything that is measured, as `nox -s bench` runs it: `python benchmarks [--json FILE]`."""

from __future__ import annotations

import load
import servers
import simulator
from figures import write_figures

if __name__ == "__main__":
    write_figures(
        "Speed of the simulator, of the mock servers, and of the load on real servers.",
        (*simulator.MEASUREMENTS, *servers.MEASUREMENTS, *load.MEASUREMENTS),
    )
