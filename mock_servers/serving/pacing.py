"""One engine on the wall clock: requests in now, tokens out when the model says.

Model time runs `speed` times as fast as the wall clock. There is one timer, set to when the engine
may next have something for a client, and none while it is idle. Steps follow the model's absolute
times: one that comes late is caught up with by those that follow, so lateness never adds up.

The engine runs behind by what its costs put between the end of a step and the client, so that what
has been computed by its clock has reached the client by the wall's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from math import ceil, inf

from mock_servers.serving.streams import Stream
from scalecert.clock import monotonic_seconds
from scalecert.engines.base import Activity, Engine, Sample
from scalecert.engines.request_log import RequestLog, Status

FORGET_AFTER = 1024
"""Requests that ended before the engine is asked to forget them, and their ids are used again."""

_TIMER_SECONDS = 0.001
"""What the event loop's timers count in."""

_AFTER_SECONDS = 1e-6
"""After the end of a step, so that the scheduler has composed the next one."""


class Pacer:
    """An engine that runs by itself.

    Args:
        engine: idle, just started at 0.
        log: the one that it writes.
        behind_seconds: of the model, between the end of a step and the client.
        speed: model seconds per second.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        engine: Engine,
        log: RequestLog,
        *,
        behind_seconds: float,
        speed: float = 1.0,
        clock: Callable[[], float] = monotonic_seconds,
    ) -> None:
        self._engine = engine
        self._log = log
        self._behind_seconds = behind_seconds
        self._clock = clock
        self._wall_seconds = clock()
        self._model_seconds = behind_seconds
        self._speed = speed
        self._streams: dict[int, Stream] = {}
        self._leaving: set[int] = set()
        self._ended: list[int] = []
        self._free = deque(range(len(log.status)))
        self._timer: asyncio.TimerHandle | None = None
        self._timer_seconds = inf

    def now(self) -> float:
        """Return the model's seconds since the engine's start."""
        return self._model_seconds + (self._clock() - self._wall_seconds) * self._speed

    @property
    def speed(self) -> float:
        """Model seconds per second; 0 while time stands still."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Let model time go on at another speed; 0 stops it."""
        self._look()
        self._model_seconds, self._wall_seconds = self.now(), self._clock()
        self._speed = speed
        self._stop_timer()
        self._set_timer()

    def slow_down(self, times: float) -> None:
        """Let the model's steps take so many times as long as usual."""
        self._look()
        self._engine.slow_down(times)
        self._stop_timer()
        self._set_timer()

    def submit(self, sizes: Sequence[tuple[int, int]]) -> list[Stream]:
        """Hand over requests that come now; return what each one's client will see.

        Args:
            sizes: input and output tokens of each, at least one of both.
        """
        arrival = max(self.now(), self._engine.now)
        streams = [Stream(self._next_id(), inputs, outputs, arrival) for inputs, outputs in sizes]
        self._streams.update((stream.ident, stream) for stream in streams)
        self._engine.offer(
            [stream.ident for stream in streams],
            [arrival] * len(streams),
            [inputs for inputs, _ in sizes],
            [outputs for _, outputs in sizes],
        )
        for stream in streams:
            if self._log.status[stream.ident] != Status.PENDING:
                self._end(self._streams.pop(stream.ident))
        self._forget_some()
        self._set_timer()
        return streams

    def cancel(self, stream: Stream) -> None:
        """Let a request leave whose client went away; it sees nothing any more.

        One that has ended, if only now that the engine is looked at, stays as it has.
        """
        if not self._is_here(stream):
            return
        self._look()
        if not self._is_here(stream):
            return
        del self._streams[stream.ident]
        self._leaving.add(stream.ident)
        stream.end(Status.ABORTED)
        self._engine.cancel([stream.ident])
        self._hand_out()
        self._set_timer()

    def abort(self) -> None:
        """Drop all requests, as a killed process does; their streams end as ABORTED."""
        self._look()
        self._engine.abort()
        self._stop_timer()
        self._hand_out()

    def close(self) -> None:
        """Stop; nothing is handed out any more."""
        self._stop_timer()
        self._speed = 0.0

    def outstanding(self) -> int:
        """Return the number of requests whose clients still wait."""
        return len(self._streams)

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`."""
        self._look()
        self._set_timer()
        return self._engine.samples(names)

    def activity(self) -> Activity:
        """Return what the server has done since its start."""
        self._look()
        self._set_timer()
        return self._engine.activity()

    def times(self, stream: Stream) -> tuple[float, float, float, float]:
        """Return when an ended request came, was scheduled, had its first and its last token.

        Model seconds at the client's clock, NaN for what did not happen. To be asked at once when
        a stream has ended: its place in the log is used again later.
        """
        log, ident = self._log, stream.ident
        return (
            stream.arrival_seconds,
            log.scheduled_seconds[ident],
            log.first_token_seconds[ident],
            log.last_token_seconds[ident],
        )

    def _look(self, until: float = inf) -> None:
        """Bring the engine to now, or to `until` if that is earlier; hand out what it has."""
        until = min(until, self.now() - self._behind_seconds)
        self._engine.advance(max(until, self._engine.now))
        self._hand_out()

    def _hand_out(self) -> None:
        """Tell streams how far they are, and end those that have ended."""
        streams, status = self._streams, self._log.status
        progress = self._engine.progress()
        for ident, tokens in progress.items():
            if (stream := streams.get(ident)) is not None and tokens > stream.tokens:
                stream.reach(tokens)
        for ident in streams.keys() - progress.keys():
            if status[ident] != Status.PENDING:
                self._end(streams.pop(ident))
        for ident in [ident for ident in self._leaving if status[ident] != Status.PENDING]:
            self._leaving.discard(ident)
            self._ended.append(ident)
        self._forget_some()

    def _end(self, stream: Stream) -> None:
        status = Status(self._log.status[stream.ident])
        if status is Status.OK:
            stream.reach(stream.output_tokens)
        stream.end(status)
        self._ended.append(stream.ident)

    def _forget_some(self) -> None:
        """Let ids be used again once there are enough of them."""
        if len(self._ended) >= FORGET_AFTER:
            self._engine.forget_finished()
            self._free += self._ended
            self._ended.clear()

    def _is_here(self, stream: Stream) -> bool:
        """Tell whether a request has not ended; its id may be another's since."""
        return self._streams.get(stream.ident) is stream

    def _next_id(self) -> int:
        if not self._free:
            here = len(self._log.status)
            self._log.grow(here + FORGET_AFTER)
            self._free += range(here, len(self._log.status))
        ident = self._free.popleft()
        self._log.reset(ident)
        return ident

    def _tick(self) -> None:
        """Let the engine take the step that is due; a late one is followed by the next at once.

        Not by several in one go: the event loop sends what was written once it is through with
        its turn, and tokens of two steps would reach the client as one piece.
        """
        self._timer, self._timer_seconds = None, inf
        self._look(self._engine.next_event_seconds() + _AFTER_SECONDS)
        self._set_timer()

    def _set_timer(self) -> None:
        """Let the timer go off when the engine may next have something for a client."""
        due = self._engine.next_event_seconds()
        if due >= self._timer_seconds or due == inf or not self._speed:
            return
        self._stop_timer()
        wait = max(due + self._behind_seconds - self.now(), 0.0) / self._speed
        whole = ceil(wait / _TIMER_SECONDS) * _TIMER_SECONDS
        self._timer = asyncio.get_running_loop().call_later(whole, self._tick)
        self._timer_seconds = due

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_seconds = None, inf
