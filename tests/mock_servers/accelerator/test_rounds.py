"""When an exporter looks at its node's accelerators."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from virtual_loop import run_in_virtual_time

from mock_servers.accelerator.rounds import collect_for_ever


@dataclass
class _Page:
    """Writes down when it is asked for what."""

    recent_seconds: float = 1.0
    opened: list[float] = field(default_factory=list)
    collected: list[tuple[float, float]] = field(default_factory=list)

    def open(self) -> None:
        self.opened.append(asyncio.get_running_loop().time())

    def collect(self, now: float) -> None:
        self.collected.append((now, asyncio.get_running_loop().time()))

    def text(self) -> str:
        return ""


def rounds(
    page: _Page, until: float, *, first: float, interval: float, speed: float = 1.0, slow: float = 0
) -> None:
    """Let an exporter collect for some seconds; each look takes `slow` seconds."""

    async def look() -> None:
        await asyncio.sleep(slow)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(until):
                await collect_for_ever(
                    page, look, first_seconds=first, interval_seconds=interval, speed=speed
                )

    run_in_virtual_time(run())


def test_each_collection_has_a_look_before_it() -> None:
    """dcgm-exporter: at once, then every 30 s, each over the second before."""
    page = _Page()
    rounds(page, 70.0, first=1.0, interval=30.0)
    assert page.opened == pytest.approx([0.0, 30.0, 60.0])
    assert [at for _, at in page.collected] == pytest.approx([1.0, 31.0, 61.0])


def test_windows_and_intervals_shrink_with_speed() -> None:
    """At ten times the speed a tenth of the seconds pass, and the exporter's own clock goes on."""
    page = _Page(recent_seconds=10.0)
    rounds(page, 7.0, first=30.0, interval=30.0, speed=10.0)
    assert page.opened == pytest.approx([2.0, 5.0])
    assert [now for now, _ in page.collected] == pytest.approx([30.0, 60.0])
    assert [at for _, at in page.collected] == pytest.approx([3.0, 6.0])


def test_a_window_as_long_as_the_interval_begins_with_the_collection_before() -> None:
    """The TPU plugin's: 10 s every 10 s."""
    page = _Page(recent_seconds=10.0)
    rounds(page, 31.0, first=10.0, interval=10.0)
    assert page.opened == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert [at for _, at in page.collected] == pytest.approx([10.0, 20.0, 30.0])


def test_collections_that_come_too_late_are_left_out() -> None:
    """Where looks take longer than the interval, ticks are dropped and none is caught up."""
    page = _Page()
    rounds(page, 30.0, first=1.0, interval=2.0, slow=2.5)
    dues = [now for now, _ in page.collected]
    assert len(dues) < 8
    assert all(at - now < 2.0 + 2 * 2.5 for now, at in page.collected)
    assert dues == sorted(set(dues))
