"""Sends each request at its time, whatever has become of those before it.

One greenlet waits for the arrivals, which are absolute times, so that nothing adds up; each
request has a greenlet of its own. Nothing waits for a free place: where no connection is left, a
request is dropped and counted.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Protocol

from gevent.pool import Group  # type: ignore[import-untyped]

from scalecert.clock import monotonic_seconds, unix_seconds
from scalecert.engines.request_log import Status
from scalecert.load.alarm import Alarm
from scalecert.load.answer_log import Seen, Way
from scalecert.load.connections import Connection, IdleConnections, RefusedError, connect
from scalecert.load.exchange import Answer, Question, StaleError, ask
from scalecert.load.routes import Choice, Pod
from scalecert.load.schedule import Rows, Settings

_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})
"""What the system says of one connection too many."""


class Routes(Protocol):
    """The pods that there are."""

    def pods(self) -> tuple[Pod, ...]:
        """Return those that are ready, oldest first."""


Tell = Callable[[Seen], None]


class Dispatcher:
    """The requests of one generator.

    Args:
        settings: how they are asked.
        rows: the requests, as `schedule.ROW`.
        routes: the pods.
        tell: is told of each request when it was sent, and when it has ended.
    """

    def __init__(self, settings: Settings, rows: Rows, routes: Routes, tell: Tell) -> None:
        self._settings = settings
        self._rows: list[tuple[int, float, int, int, bool, float]] = rows.tolist()
        self._routes = routes
        self._tell = tell
        first = self._rows[0][0] if self._rows else 0
        self._choice = Choice(settings.routing, first=first, step=settings.generators)
        keeps = settings.connections == "keep-alive"
        self._idle = IdleConnections(settings.idle_wall_seconds()) if keeps else None
        self._questions = tuple(
            Question.of(settings.client, streamed=streamed, keeps=keeps)
            for streamed in (False, True)
        )
        self._begin = 0.0

    def run(self, begin_unix_seconds: float) -> None:
        """Send all requests of a run that begins then, and return when the last has ended."""
        self._begin = monotonic_seconds() + begin_unix_seconds - unix_seconds()
        on_their_way = Group()
        with Alarm() as alarm:
            for row in self._rows:
                alarm.wait_until(self._begin + row[1])
                on_their_way.spawn(self._one, *row)
        on_their_way.join()

    def _now(self) -> float:
        return monotonic_seconds() - self._begin

    def _one(
        self, index: int, _arrival: float, inputs: int, outputs: int, streamed: bool, draw: float
    ) -> None:
        """Send one request and read its answer."""
        seen = Seen(index, self._now())
        answer = None
        while answer is None:
            connection = self._connection(seen, draw)
            if connection is None:
                return
            seen = seen._replace(replica=connection.pod.ordinal)
            self._tell(seen)
            answer = self._answer(connection, self._questions[streamed], (inputs, outputs))
        self._tell(self._ended(seen, answer))

    def _connection(self, seen: Seen, draw: float) -> Connection | None:
        """Return a connection for a request; None, and tell, if there is none."""
        idle = self._idle.take() if self._idle is not None else None
        if idle is not None:
            self._choice.opened(idle.pod)
            return idle
        try:
            return self._connected(draw)
        except RefusedError:
            self._tell(seen._replace(status=Status.ABORTED, way=Way.REFUSED))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._tell(Seen(seen.request, way=Way.DROPPED))
        return None

    def _connected(self, draw: float) -> Connection:
        """Return a new connection.

        Raises:
            RefusedError: if no pod is ready, or its port is closed.
            OSError: if there can be no more connections.
        """
        pods = self._routes.pods()
        if not pods:
            raise RefusedError
        pod = self._choice.of(draw, pods)
        self._choice.opened(pod)
        try:
            return connect(pod, self._settings.client.port)
        except BaseException:
            self._choice.closed(pod)
            raise

    def _answer(
        self, connection: Connection, question: Question, tokens: tuple[int, int]
    ) -> Answer | None:
        """Return the answer to a request; None if the server had closed the connection before."""
        try:
            answer = ask(connection, question, tokens, self._now)
        except StaleError:
            answer = None
        finally:
            self._choice.closed(connection.pod)
        if self._idle is not None and answer is not None and answer.is_complete:
            self._idle.keep(connection)
        else:
            connection.socket.close()
        return answer

    def _ended(self, seen: Seen, answer: Answer) -> Seen:
        if answer.is_unready:
            return seen._replace(status=Status.ABORTED, way=Way.REFUSED, replica=-1)
        waited = answer.queue_seconds / self._settings.time_lapse
        return seen._replace(
            status=answer.status,
            first_token_seconds=answer.first_token,
            last_token_seconds=answer.last_token,
            scheduled_seconds=seen.sent_seconds + waited,
        )
