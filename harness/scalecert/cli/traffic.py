"""Which requests `scalecert lint` judges a policy by: the user's, else those of the core suite.

What `certify` runs by default, read without running anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scalecert.engines.base import RequestSizes
from scalecert.planning.offered_load import with_traffic
from scalecert.planning.request_sizes import request_sizes
from scalecert.policy.resolve import Resolved
from scalecert.suite import find_suite
from scalecert.workload.model import Workload
from scalecert.workload.override import load_workload
from scalecert.workload.tables import Tables, load_tables

SUITE = "core"
"""The suite of `scalecert certify` without `--suite`."""

Load = tuple[Workload, Tables]


def traffic(workload_file: str | None) -> tuple[Load, ...]:
    """Return the workloads of the suite's scenarios, the user's traffic in place of theirs.

    Raises:
        UsageError: if the workload file can't be used.
    """
    given = load_workload(workload_file) if workload_file else None
    found = []
    for case in find_suite(SUITE).cases:
        workload = with_traffic(case.scenario, given.spec if given else None).spec.workload
        folder = Path(workload_file).parent if workload_file else case.path.parent
        found.append((workload, load_tables(workload, folder)))
    return tuple(found)


def sizes_of(loads: Sequence[Load], resolved: Resolved) -> tuple[RequestSizes, ...]:
    """Return what the requests of the loads are like on a server, each kind once."""
    sizes = [request_sizes(*load, resolved.request_limits) for load in loads]
    return tuple(dict.fromkeys(sizes))
