"""Faults of a running mock server: what can go wrong with a pod, switched on and off.

They are there to be asked for (`--faults-port`), never by themselves. Every one can be switched off
again, a crash aside.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

import msgspec

from mock_servers.serving.backend import Backend
from mock_servers.serving.ending import end_as_killed
from mock_servers.serving.failures import Failures
from mock_servers.serving.faulty_app import FaultyApp
from mock_servers.serving.http import Routes
from mock_servers.serving.loading import Loading
from mock_servers.serving.services import Breakable, HttpService, Service
from scalecert.documents import DocumentPart

_CRASH_SECONDS = 0.05
"""Until a crash, so that whoever asked for it gets an answer."""


class Settings(DocumentPart, frozen=True, kw_only=True):
    """What is wrong with the server; the defaults are nothing."""

    crash: bool | Annotated[int, msgspec.Meta(ge=0, le=255)] = False
    """True: die as by SIGKILL; a number: exit with it."""
    hang: bool = False
    """The model stands still and nobody is answered; the kernel still accepts connections."""
    slowdown: Annotated[float, msgspec.Meta(ge=1.0, le=1000.0)] = 1.0
    """How many times as long as usual the model's steps take."""
    refuse: bool = False
    """Connections are refused; idle ones are closed, running answers go on."""
    error_share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    """Share of the POST requests that are answered with an internal error."""
    metrics: Literal["on", "off", "frozen"] = "on"
    """Off: answered with 404; frozen: the page of the moment when that was set."""
    loading_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=86400.0)] | None = None
    """How long the model is not ready from now on; None leaves it as it is."""


NOTHING_WRONG = Settings(loading_seconds=0.0)


@runtime_checkable
class _Fallible(Protocol):
    """A service, or what stands before one, of which a share of requests can fail."""

    failures: Failures


class Faults:
    """The faults of one server.

    Args:
        backend: whose engine hangs or is slow.
        services: of the server; those that are `Breakable` take part.
        loading: of its model.

    Attributes:
        services: that take part.
    """

    def __init__(self, backend: Backend, services: Sequence[Service], loading: Loading) -> None:
        self.services = [service for service in services if isinstance(service, Breakable)]
        self._backend = backend
        self._loading = loading
        self._settings = Settings()
        self._changing = asyncio.Lock()
        self._apps = [_put_before(one) for one in services if isinstance(one, HttpService)]
        fallible = (*self._apps, *services)
        self._failures = [one.failures for one in fallible if isinstance(one, _Fallible)]

    def settings(self) -> Settings:
        """Return what is wrong now; of a load, what is left of it."""
        left = round(self._loading.remaining_seconds(), 3)
        return msgspec.structs.replace(self._settings, loading_seconds=left)

    async def change(self, wanted: Settings) -> None:
        """Let that be wrong, and nothing else.

        Raises:
            UsageError: if what was refused can't listen again, since another process does.
        """
        async with self._changing:
            before = self._settings
            if wanted.refuse != before.refuse:
                await self._set_refuse(refuse=wanted.refuse)
            if wanted.metrics != before.metrics:
                await self._set_metrics(wanted.metrics)
            if wanted.error_share != before.error_share:
                for failures in self._failures:
                    failures.set_share(wanted.error_share)
            if wanted.hang != before.hang:
                await self._set_hang(hang=wanted.hang)
            if wanted.loading_seconds is not None:
                self._loading.begin(wanted.loading_seconds)
            if wanted.slowdown != before.slowdown:
                self._backend.pacer.slow_down(wanted.slowdown)
            self._settings = msgspec.structs.replace(wanted, loading_seconds=None)
        if wanted.crash is not False:
            asyncio.get_running_loop().call_later(_CRASH_SECONDS, _crash, wanted.crash)

    async def _set_refuse(self, *, refuse: bool) -> None:
        for service in self.services:
            if refuse:
                service.refuse()
            else:
                await service.accept_again()

    async def _set_metrics(self, metrics: str) -> None:
        for app in self._apps:
            if metrics == "frozen":
                await app.freeze_metrics()
            else:
                app.turn_metrics(on=metrics == "on")

    async def _set_hang(self, *, hang: bool) -> None:
        self._backend.pacer.set_speed(0.0 if hang else self._backend.given.speed)
        for service in self.services:
            if hang:
                service.hold()
            else:
                await service.release()


def _put_before(service: HttpService) -> FaultyApp:
    """Put a faulty application before a service's; it must be one of routes."""
    app = service.app
    if not isinstance(app, Routes):
        raise TypeError(f"{service.name}: {type(app).__name__} can't fail as it would")
    faulty = FaultyApp(app, metrics_alone=service.name == "metrics")
    service.app = faulty
    return faulty


def _crash(how: bool | int) -> None:
    if how is True:
        end_as_killed()
    os._exit(how)
