"""The master: tells each worker its part and when to begin, and writes the log of all."""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import inf
from pathlib import Path

import gevent  # type: ignore[import-untyped]
import msgspec
import numpy as np
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner

from scalecert.clock import unix_seconds
from scalecert.errors import EnvironmentFault
from scalecert.load.answer_log import AnswerLog
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
from scalecert.load.schedule import (
    answers_file,
    read_beginning,
    read_rows,
    read_settings,
    ready_file,
    touch,
)

_LOOK_SECONDS = 0.01
_PINGS = 10
_NO_ROUTES = b'{"pods": []}'


@dataclass(slots=True)
class _Worker:
    """A worker, and how far its clock is ahead: as the quickest of its pongs has it."""

    place: int
    ahead_seconds: float = 0.0
    round_trip_seconds: float = inf
    pongs: int = 0
    is_done: bool = False


class Distribution:
    """A load among workers.

    Args:
        runner: Locust's.
        folder: of the load.
    """

    def __init__(self, runner: MasterRunner, folder: Path) -> None:
        self._runner = runner
        self._folder = folder
        self._settings = read_settings(folder)
        log, done = (answers_file(folder, 0, done=done) for done in (False, True))
        self._log = AnswerLog(log, done)
        self._workers: dict[str, _Worker] = {}
        self._routes = _NO_ROUTES
        for name, listener in (
            (HELLO, self._send_part),
            (READY, self._ping),
            (PONG, self._take_pong),
            (RECORDS, self._take_records),
            (DONE, self._take_end),
        ):
            runner.register_message(name, listener)

    def run(self) -> None:
        """Tell the workers what there is to tell, until all are done.

        Raises:
            EnvironmentFault: if one is lost.
        """
        has_begun = False
        while not self._all_done():
            self._tell_routes()
            begin = None if has_begun else read_beginning(self._folder)
            if begin is not None:
                self._tell_beginning(begin)
                has_begun = True
            self._check_workers()
            gevent.sleep(_LOOK_SECONDS)
        self._log.close()

    def _tell_routes(self) -> None:
        try:
            routes = Path(self._settings.routes).read_bytes()
        except FileNotFoundError:
            routes = _NO_ROUTES
        if routes != self._routes:
            self._routes = routes
            for name in self._workers:
                self._runner.send_message(ROUTES, {"routes": routes}, name)

    def _tell_beginning(self, unix: float) -> None:
        for name, worker in self._workers.items():
            by_its_clock = {"unix_seconds": unix + worker.ahead_seconds}
            self._runner.send_message(BEGIN, by_its_clock, name)

    def _check_workers(self) -> None:
        for name, worker in self._workers.items():
            node = self._runner.clients.get(name)
            if not worker.is_done and (node is None or node.state == STATE_MISSING):
                raise EnvironmentFault(f"the load's worker {name} is lost")

    def _all_done(self) -> bool:
        done = [worker.is_done for worker in self._workers.values()]
        return len(done) == self._settings.generators and all(done)

    def _send_part(self, msg: Message, **_: object) -> None:
        generators = self._settings.generators
        if len(self._workers) >= generators:
            return  # One more than asked for: it has nothing to do.
        worker = self._workers[msg.node_id] = _Worker(len(self._workers))
        rows = io.BytesIO()
        np.save(rows, read_rows(self._folder, worker.place, generators))
        part = {
            "settings": msgspec.json.encode(self._settings),
            "rows": rows.getvalue(),
            "routes": self._routes,
        }
        self._runner.send_message(PART, part, msg.node_id)

    def _ping(self, msg: Message, **_: object) -> None:
        self._runner.send_message(PING, {"asked": unix_seconds()}, msg.node_id)

    def _take_pong(self, msg: Message, **_: object) -> None:
        now, worker, asked = unix_seconds(), self._workers[msg.node_id], msg.data["asked"]
        worker.pongs += 1
        if now - asked < worker.round_trip_seconds:
            worker.round_trip_seconds = now - asked
            worker.ahead_seconds = msg.data["told"] - (asked + now) / 2
        if worker.pongs < _PINGS:
            self._ping(msg)
        elif self._all_answered():
            touch(ready_file(self._folder, 0))

    def _all_answered(self) -> bool:
        pongs = [worker.pongs for worker in self._workers.values()]
        return len(pongs) == self._settings.generators and min(pongs) >= _PINGS

    def _take_records(self, msg: Message, **_: object) -> None:
        self._log.write(msg.data["records"])

    def _take_end(self, msg: Message, **_: object) -> None:
        self._workers[msg.node_id].is_done = True
