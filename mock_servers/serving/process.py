"""The process of a mock server: start, ready, SIGTERM as the real server takes it, end.

On SIGTERM a server that exits when idle takes no new connections, works on for as long as the real
one does by default or by its flag, drops what is left and exits. One that does not care for SIGTERM
serves on until the kubelet would kill it, and then ends as if it had been killed; what runs beside
it and does care closes its port. SIGINT, Ctrl-C on a terminal, ends either at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

import click
import uvloop

from mock_servers.serving.backend import Backend
from mock_servers.serving.services import Service

_END_SECONDS = 1.0
"""Of the grace time, kept for ending."""
_LOOK_SECONDS = 0.02
"""Between two looks at whether a server that ends has become idle."""


def run(backend: Backend, services: Sequence[Service]) -> None:
    """Serve until the process is told to end."""
    uvloop.run(_run(backend, services))


async def _run(backend: Backend, services: Sequence[Service]) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending: set[asyncio.Task[None]] = set()

    def terminate() -> None:
        if not ending:
            ending.add(asyncio.create_task(_terminate(backend, services, end)))

    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, end.set)
    for service in services:
        await service.start()
        click.echo(f"{service.name}: {service.address}")
    loading = asyncio.create_task(_load(backend, services))
    await end.wait()
    for task in (loading, *ending):
        task.cancel()
    backend.pacer.abort()
    await asyncio.gather(*(service.stop() for service in services))
    backend.pacer.close()


async def _load(backend: Backend, services: Sequence[Service]) -> None:
    delay = backend.given.startup_seconds
    if delay > 0.0:
        click.echo(f"loading the model takes {delay:g} s")
        await asyncio.sleep(delay)
    for service in services:
        await service.model_loaded()
    backend.ready = True
    click.echo("ready")


async def _terminate(backend: Backend, services: Sequence[Service], end: asyncio.Event) -> None:
    """Do what the real server does on SIGTERM, within the grace time."""
    most = max(backend.given.grace_seconds - _END_SECONDS, 0.0)
    for service in services:
        service.stop_accepting()
    if not backend.given.kind.exits_when_idle:
        await asyncio.sleep(most)
        os.kill(os.getpid(), signal.SIGKILL)
    loop = asyncio.get_running_loop()
    until = loop.time() + min(backend.drain_seconds(), most)
    while backend.pacer.outstanding() and loop.time() < until:
        await asyncio.sleep(_LOOK_SECONDS)
    end.set()
