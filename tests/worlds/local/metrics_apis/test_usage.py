"""Usage of pods out of the node agent's readings."""

from __future__ import annotations

from pathlib import Path

from scalecert.worlds.local.metrics_apis.answers import ContainerUse, PodUse
from scalecert.worlds.local.metrics_apis.usage import UsageFile, pod_use
from scalecert.worlds.local.node_agent.usage import (
    USAGE_FILE,
    ContainerUsage,
    PodUsage,
    Usage,
    write_usage,
)


def reading(time: float, *containers: ContainerUsage) -> Usage:
    return Usage(time, [PodUsage("default", "a", list(containers))])


def server(cpu_seconds: float, since: float = 0.0) -> ContainerUsage:
    return ContainerUsage("server", since, cpu_seconds, 4096)


def test_usage_is_the_rate_between_two_readings() -> None:
    """CPU is a mean over the window, whose end is the usage's time; memory is the last seen."""
    use = pod_use(reading(100.0, server(7.0)), reading(104.0, server(9.0)), "default", "a")
    assert use == PodUse("a", 104.0, 4.0, (ContainerUse("server", 500_000_000, 4096),))


def test_each_container_has_its_own_usage() -> None:
    """A metric of one container must not see the others'."""
    proxies = [ContainerUsage("proxy", 0.0, cpu, 1024) for cpu in (1.0, 2.0)]
    use = pod_use(
        reading(0.0, server(0.0), proxies[0]), reading(2.0, server(3.0), proxies[1]), "default", "a"
    )
    assert use is not None
    assert [one.cpu_nano for one in use.containers] == [1_500_000_000, 500_000_000]


def test_a_pod_has_none_before_its_second_reading() -> None:
    """Neither a pod nor a container that is in one reading only has usage."""
    empty = Usage(0.0, [])
    assert pod_use(empty, reading(1.0, server(1.0)), "default", "a") is None
    assert pod_use(reading(0.0, server(0.0)), reading(1.0, server(1.0)), "other", "a") is None
    one = reading(0.0, server(0.0))
    both = reading(1.0, server(1.0), ContainerUsage("proxy", 0.0, 0.0, 0))
    assert pod_use(one, both, "default", "a") is None


def test_a_container_that_began_anew_has_none() -> None:
    """Its counter began anew too, so that a difference says nothing."""
    assert (
        pod_use(reading(0.0, server(9.0)), reading(1.0, server(9.5, 0.5)), "default", "a") is None
    )


def test_a_process_that_is_gone_uses_nothing() -> None:
    """Usage never falls below zero."""
    use = pod_use(reading(0.0, server(9.0)), reading(1.0, server(0.0)), "default", "a")
    assert use is not None
    assert use.containers[0].cpu_nano == 0


def test_the_two_newest_readings_count(tmp_path: Path) -> None:
    """A reading counts once; the last two of them are the window."""
    file = UsageFile(tmp_path / USAGE_FILE, lambda time: False)
    file.refresh()
    assert file.of_pod("default", "a") is None
    assert file.heartbeat("canary") is None
    for time in (10.0, 13.0, 16.0):
        write_usage(tmp_path, reading(time, server(time)))
        file.refresh()
        file.refresh()
    use = file.of_pod("default", "a")
    assert use is not None
    assert (use.time, use.window_seconds) == (16.0, 3.0)


def test_a_heartbeat_is_as_old_as_the_last_reading(tmp_path: Path) -> None:
    """The canary's usage tells when usage was last read, and nothing else."""
    file = UsageFile(tmp_path / USAGE_FILE, lambda time: False)
    for time in (10.0, 13.0):
        write_usage(tmp_path, Usage(time, []))
        file.refresh()
    beat = file.heartbeat("canary")
    assert beat is not None
    assert (beat.name, beat.time, beat.window_seconds) == ("canary", 13.0, 3.0)


def test_readings_of_an_outage_are_not_taken(tmp_path: Path) -> None:
    """While nothing is collected, what was read before is still served."""
    file = UsageFile(tmp_path / USAGE_FILE, lambda time: time >= 16.0)
    for time in (10.0, 13.0, 16.0):
        write_usage(tmp_path, reading(time, server(time)))
        file.refresh()
    use = file.of_pod("default", "a")
    assert use is not None
    assert use.time == 13.0
