"""A worker: a generator whose part comes in messages."""

from __future__ import annotations

import io
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
import numpy as np
from gevent.event import AsyncResult  # type: ignore[import-untyped]
from locust.rpc import Message
from locust.runners import WorkerRunner

from scalecert.clock import unix_seconds
from scalecert.load.dispatcher import Routes
from scalecert.load.distributed import (
    BEGIN,
    DONE,
    HELLO,
    PART,
    PING,
    PONG,
    READY,
    RECORDS,
    ROUTES,
)
from scalecert.load.routes import RoutesSent
from scalecert.load.schedule import Rows, Settings

_FLUSH_SECONDS = 0.5


class MessageSource:
    """A part of a load that the master tells; implements `generating.Source`.

    Args:
        runner: Locust's, connected to the master.
    """

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._part: AsyncResult = AsyncResult()
        self._begin: AsyncResult = AsyncResult()
        self._routes = RoutesSent()
        self._unsent: list[bytes] = []
        for name, listener in (
            (PART, self._take_part),
            (BEGIN, self._take_beginning),
            (ROUTES, self._take_routes),
            (PING, self._answer_ping),
        ):
            runner.register_message(name, listener)

    def part(self) -> tuple[Settings, Rows, Routes]:
        """Ask for the part, and wait for it."""
        self._runner.send_message(HELLO)
        said: dict[str, Any] = self._part.get()
        self._routes.take(said["routes"])
        settings = msgspec.json.decode(said["settings"], type=Settings)
        return settings, np.load(io.BytesIO(said["rows"])), self._routes

    def say_ready(self) -> None:
        """Tell the master, and send it the log from now on."""
        gevent.spawn(self._flush_for_ever)
        self._runner.send_message(READY)

    def beginning(self) -> float:
        """Wait for the master's word."""
        begin: float = self._begin.get()
        return begin

    def write(self, records: bytes) -> None:
        """Keep records until they are sent."""
        self._unsent.append(records)

    def close(self) -> None:
        """Send what is left, and say that it was all."""
        self._flush()
        self._runner.send_message(DONE)

    def _flush_for_ever(self) -> None:
        while True:
            gevent.sleep(_FLUSH_SECONDS)
            self._flush()

    def _flush(self) -> None:
        if self._unsent:
            records, self._unsent = b"".join(self._unsent), []
            self._runner.send_message(RECORDS, {"records": records})

    def _take_part(self, msg: Message, **_: object) -> None:
        self._part.set(msg.data)

    def _take_beginning(self, msg: Message, **_: object) -> None:
        self._begin.set(msg.data["unix_seconds"])

    def _take_routes(self, msg: Message, **_: object) -> None:
        self._routes.take(msg.data["routes"])

    def _answer_ping(self, msg: Message, **_: object) -> None:
        """Tell the clock, with what the ping told."""
        self._runner.send_message(PONG, {"asked": msg.data["asked"], "told": unix_seconds()})
