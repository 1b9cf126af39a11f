"""The process of the mock exporters: their pages, their collections, and the end at a signal."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mock_servers.accelerator.app import dcgm_app, plugin_app
from mock_servers.accelerator.dcgm import DcgmPage, Version
from mock_servers.accelerator.node import Node
from mock_servers.accelerator.plugins import GpuPluginPage, TpuPluginPage
from mock_servers.accelerator.rounds import Page, collect_for_ever
from mock_servers.serving.activity import look_around
from mock_servers.serving.output import say
from mock_servers.serving.process import run_loop
from mock_servers.serving.services import HttpService


@dataclass(frozen=True, slots=True)
class Given:
    """What the exporters of a node were started with.

    Attributes:
        node: whose accelerators they show.
        folder: where its servers' sockets are.
        host: to listen on.
        dcgm_port: of dcgm-exporter; None leaves it away.
        plugin_port: of the device plugin; None leaves it away.
        dcgm_version: whose labels dcgm-exporter writes.
        dcgm_interval_seconds: between its collections; its default if None.
        plugin_interval_seconds: of the device plugin.
        speed: model seconds per second.
    """

    node: Node
    folder: Path
    host: str
    dcgm_port: int | None
    plugin_port: int | None
    dcgm_version: Version = "main"
    dcgm_interval_seconds: float | None = None
    plugin_interval_seconds: float | None = None
    speed: float = 1.0


def run(given: Given) -> None:
    """Serve until the process is told to end."""
    run_loop(_run(given))


async def _run(given: Given) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    exporters = _exporters(given)
    for exporter in exporters:
        await exporter.service.start()
        say(f"{exporter.service.name}: {exporter.service.address}")
    rounds = [
        asyncio.create_task(
            collect_for_ever(
                exporter.page,
                partial(_look, given),
                first_seconds=exporter.first_seconds,
                interval_seconds=exporter.interval_seconds,
                speed=given.speed,
            )
        )
        for exporter in exporters
    ]
    say("ready")
    ended = asyncio.create_task(end.wait())
    done, _ = await asyncio.wait([ended, *rounds], return_when=asyncio.FIRST_COMPLETED)
    for task in (ended, *rounds):
        task.cancel()
    await asyncio.gather(*(exporter.service.stop() for exporter in exporters))
    for task in done:
        task.result()


async def _look(given: Given) -> None:
    """Ask the node's servers what they do."""
    given.node.settle(await look_around(given.folder))


@dataclass(frozen=True, slots=True)
class _Exporter:
    """What one exporter serves, and when it collects what it shows."""

    service: HttpService
    page: Page
    first_seconds: float
    interval_seconds: float


def _exporters(given: Given) -> list[_Exporter]:
    exporters = []
    if given.dcgm_port is not None:
        exporters.append(_dcgm(given, given.dcgm_port))
    if given.plugin_port is not None:
        exporters.append(_plugin(given, given.plugin_port))
    return exporters


def _dcgm(given: Given, port: int) -> _Exporter:
    """Return dcgm-exporter: DCGM reads its fields as soon as they are watched."""
    page = DcgmPage(given.node, given.dcgm_version)

    async def text() -> str:
        await _look(given)
        return page.text()

    service = HttpService("dcgm-exporter", dcgm_app(text), given.host, port, server_header="")
    interval = given.dcgm_interval_seconds or page.collection_seconds
    return _Exporter(service, page, min(page.recent_seconds, interval), interval)


def _plugin(given: Given, port: int) -> _Exporter:
    """Return the device plugin: its first collection is at the first tick."""
    of_gpu = given.node.device.make == "nvidia"
    page = GpuPluginPage(given.node) if of_gpu else TpuPluginPage(given.node)

    async def text() -> str:
        return page.text()

    service = HttpService("device plugin", plugin_app(text), given.host, port, server_header="")
    interval = given.plugin_interval_seconds or page.collection_seconds
    return _Exporter(service, page, interval, interval)
