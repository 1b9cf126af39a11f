"""metrics-server over the CPU model."""

from __future__ import annotations

import pytest

from scalecert.metrics.resource import CpuModel, MetricsServer

MODEL = CpuModel(idle_cores=0.1, busy_cores=1.0, resident_bytes=1024)


def test_usage_is_the_mean_between_the_last_two_reports() -> None:
    """CPU is averaged over the window between two reports, stamped with its end."""
    server = MetricsServer(MODEL)
    server.add_pod("a", "vllm", 0.0)
    server.report("a", 0.0, 0.0)
    server.report("a", 15.0, 3.0)
    server.report("a", 30.0, 15.0)
    usage = server.usage("a")
    assert usage is not None
    assert usage.milli["cpu"] == pytest.approx(1000 * (0.1 + 12.0 / 15.0), abs=0.5)
    assert usage.milli["memory"] == 1024 * 1000
    assert (usage.container, usage.time_seconds, usage.window_seconds) == ("vllm", 30.0, 15.0)


def test_pod_has_no_usage_before_its_second_report() -> None:
    """A new pod is missing from the API until CPU can be averaged; a gone one is, too."""
    server = MetricsServer(MODEL)
    assert server.usage("a") is None
    server.add_pod("a", "vllm", 0.0)
    server.report("a", 0.0, 0.0)
    assert server.usage("a") is None
    server.report("a", 15.0, 0.0)
    assert server.usage("a") is not None
    server.remove_pod("a")
    assert server.usage("a") is None
