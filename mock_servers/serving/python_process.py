"""What Prometheus' Python library shows of the process it runs in: `process_*` and `python_*`.

A mock server's are its own: they tell of the mock, not of the server that it stands for. From
prometheus_client/{process,platform,gc}_collector.py.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
from pathlib import Path

from mock_servers.serving.python_metrics import Family
from scalecert.engines.base import MetricInfo, Sample

_PROCESS = Path("/proc/self")


def python_process_families() -> list[Family]:
    """Return the families in the library's order; those of `/proc` only where there is one."""
    found = [*_collections(), _platform()]
    return found + (_process() if (_PROCESS / "stat").exists() else [])


def _collections() -> list[Family]:
    texts = {
        "objects_collected": ("collected", "Objects collected during gc."),
        "objects_uncollectable": ("uncollectable", "Uncollectable objects found during gc."),
        "collections": ("collections", "Collections of a generation."),
    }
    stats = list(enumerate(gc.get_stats()))
    return [
        _counter(
            f"python_gc_{name}_total",
            text,
            {str(generation): float(found[key]) for generation, found in stats},
        )
        for name, (key, text) in texts.items()
    ]


def _counter(name: str, text: str, by_generation: dict[str, float]) -> Family:
    info = MetricInfo(name, "counter", "", ("generation",), help=text)
    samples = [
        Sample(name, {"generation": generation}, value)
        for generation, value in by_generation.items()
    ]
    return info, samples


def _platform() -> Family:
    major, minor, patch = platform.python_version_tuple()
    labels = {
        "implementation": platform.python_implementation(),
        "major": major,
        "minor": minor,
        "patchlevel": patch,
        "version": platform.python_version(),
    }
    info = MetricInfo("python_info", "gauge", "", tuple(labels), help="The Python that runs.")
    return info, [Sample(info.name, labels, 1.0)]


def _process() -> list[Family]:
    # After the name, which may have spaces: proc(5), /proc/pid/stat, from field 3 on.
    fields = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    booted = _boot_unix_seconds()
    return [
        _single("process_virtual_memory_bytes", "gauge", "Virtual memory.", float(fields[20])),
        _single(
            "process_resident_memory_bytes", "gauge", "Resident memory.",
            float(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        ),
        _single(
            "process_start_time_seconds", "gauge", "When the process started, since 1970.",
            booted + float(fields[19]) / ticks,
        ),
        _single(
            "process_cpu_seconds_total", "counter", "CPU time, user and system.",
            (float(fields[11]) + float(fields[12])) / ticks,
        ),
        _single(
            "process_open_fds", "gauge", "Open file descriptors.",
            float(len(list((_PROCESS / "fd").iterdir()))),
        ),
        _single(
            "process_max_fds", "gauge", "File descriptors that can be open.",
            float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ),
    ]  # fmt: skip


def _single(name: str, kind: str, text: str, value: float) -> Family:
    return MetricInfo(name, kind, "", help=text), [Sample(name, {}, value)]


def _boot_unix_seconds() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
