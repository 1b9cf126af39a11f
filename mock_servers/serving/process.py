"""The process of a mock server: start, ready, SIGTERM as the real server takes it, end.

On SIGTERM a server that exits when idle takes no new connections, works on for as long as the real
one does by default or by its flag, drops what is left and exits. One that does not care for SIGTERM
serves on until the kubelet would kill it, and then ends as if it had been killed; what runs beside
it and does care closes its port. SIGINT, Ctrl-C on a terminal, ends either at once. A signal that
comes a second time says nothing new.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Coroutine, Sequence
from typing import Any

import uvloop

from mock_servers.serving.backend import Backend
from mock_servers.serving.ending import end_as_killed
from mock_servers.serving.loading import Loading
from mock_servers.serving.output import complain, say
from mock_servers.serving.services import LAST_WORDS_SECONDS, Breakable, Service

_END_SECONDS = LAST_WORDS_SECONDS + 0.5
"""Of the grace time, kept for ending."""
_COLLECT_AFTER = 20_000
"""Objects, a few megabytes, after which garbage is looked for; every request leaves some."""
_LOOK_SECONDS = 0.02
"""Between two looks at whether a server that ends has become idle."""


def run(backend: Backend, services: Sequence[Service], *, faults_port: int | None = None) -> None:
    """Serve until the process is told to end.

    Args:
        backend: what is behind the services.
        services: whose sockets are bound.
        faults_port: where faults can be switched; None is nowhere, 0 a free one.

    Raises:
        UsageError: if the faults' port can't be had.
    """
    loading = Loading(backend, services)
    if faults_port is not None:
        from mock_servers.serving.faults import Faults
        from mock_servers.serving.faults_service import faults_service

        faults = Faults(backend, services, loading)
        services = [*services, faults_service(faults, faults_port)]
    run_loop(_run(backend, services, loading))


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a mock server's main coroutine; what goes wrong beside it is one line on stderr."""

    async def with_handler() -> None:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        asyncio.get_running_loop().set_exception_handler(_tell)
        await main

    # What is here now stays, and hundreds of streams come and go all the time: the garbage
    # collector need not go through either again and again.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    try:
        uvloop.run(with_handler())
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)


async def _run(backend: Backend, services: Sequence[Service], loading: Loading) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending: set[asyncio.Task[None]] = set()

    def terminate() -> None:
        if not ending:
            ending.add(asyncio.create_task(_terminate(backend, services, end)))

    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, end.set)
    _announce(backend)
    for service in services:
        await service.start()
        say(f"{service.name}: {service.address}")
    loading.begin(backend.given.startup_seconds)
    await end.wait()
    backend.ending = True
    loading.cancel()
    for task in ending:
        task.cancel()
    backend.pacer.abort()
    await asyncio.gather(*(service.stop() for service in services))
    backend.pacer.close()


async def _terminate(backend: Backend, services: Sequence[Service], end: asyncio.Event) -> None:
    """Do what the real server does on SIGTERM, within the grace time."""
    backend.ending = True
    most = max(backend.given.grace_seconds - _END_SECONDS, 0.0)
    for service in services:
        service.stop_accepting()
    if not backend.given.kind.exits_when_idle:
        await asyncio.sleep(most)
        end_as_killed()
    loop = asyncio.get_running_loop()
    until = loop.time() + min(backend.drain_seconds(), most)
    while _is_busy(backend, services) and loop.time() < until:
        await asyncio.sleep(_LOOK_SECONDS)
    end.set()


def _is_busy(backend: Backend, services: Sequence[Service]) -> bool:
    """Tell whether a request runs, or an answer is not written yet."""
    return backend.pacer.outstanding() > 0 or any(
        service.books.outstanding() for service in services if isinstance(service, Breakable)
    )


def _announce(backend: Backend) -> None:
    """Print what is served, and within which limits."""
    given, accelerator = backend.given, backend.given.profile.spec.accelerator
    faster = f", {given.speed:g} times as fast" if given.speed != 1.0 else ""
    say(
        f"mock {given.kind.name} {backend.version}: {backend.model_name} on"
        f" {accelerator.count} x {accelerator.name}, profile {given.profile.metadata.name}{faster}"
    )
    limits = backend.limits
    said = [name for name in limits.values if limits.sources.get(name) != "default"]
    say(f"limits: {', '.join(f'{name} {limits.values[name]}' for name in said)}")


def _tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    what = f"{type(error).__name__}: {error}" if error is not None else context["message"]
    complain(f"internal error: {what}")
