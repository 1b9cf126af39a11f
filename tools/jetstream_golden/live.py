"""Run a script against a server that listens: the published gRPC client, the official parser."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from jetstream.core.proto import jetstream_pb2, jetstream_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from jetstream_golden.record import BACKLOG, USED, Gauges, Record, Seen
from jetstream_golden.scripts import PROMPT, Moment, Script, Sent

PATIENCE_SECONDS = 120.0
SAMPLE_SECONDS = 0.02
ATTEMPTS = 12
AVAILABLE = "jetstream_slots_available_percentage"
"""What 0.2.2 has in place of that; its prefill sends no message, either."""
GAUGES = frozenset({BACKLOG, USED, AVAILABLE})


class Call:
    """One Decode call, read by a thread of its own.

    Args:
        stub: of the server.
        sent: what is asked for.
        more_tokens: than that.
        heard: notified at every message.
    """

    def __init__(
        self,
        stub: jetstream_pb2_grpc.OrchestratorStub,
        sent: Sent,
        more_tokens: int,
        heard: threading.Condition,
    ) -> None:
        self.times: list[float] = []
        self.tokens: list[int] = []
        self.ended: float | None = None
        self._heard = heard
        prompt = jetstream_pb2.DecodeRequest.TokenContent(token_ids=PROMPT)
        request = jetstream_pb2.DecodeRequest(
            max_tokens=sent.tokens + more_tokens, token_content=prompt
        )
        self.sent = time.monotonic()
        self._stream = stub.Decode(request, timeout=PATIENCE_SECONDS)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def give_up(self) -> None:
        """Cancel it."""
        self._stream.cancel()

    def _read(self) -> None:
        try:
            for message in self._stream:
                (sample,) = message.stream_content.samples
                with self._heard:
                    self.times.append(time.monotonic())
                    self.tokens.append(len(sample.token_ids))
                    self._heard.notify_all()
            self.ended = time.monotonic()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                raise


class Live:
    """A server that listens.

    Args:
        port: of gRPC.
        metrics_port: of its metrics.
        step_seconds: that its generate steps take.
    """

    def __init__(self, port: int, metrics_port: int, *, step_seconds: float) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = jetstream_pb2_grpc.OrchestratorStub(self._channel)
        self._page = f"http://127.0.0.1:{metrics_port}/metrics"
        self._step_seconds = step_seconds
        self._skipped = int(USED in self._shown())
        self._heard = threading.Condition()

    def warm_up(self) -> None:
        """Let it compile whatever it compiles, and come to rest."""
        self._run(Script("warm-up", (Sent(2), Sent(2))))

    def run(self, script: Script) -> Record:
        """Return what is seen of a script, at the first time that the machine was quick enough.

        Raises:
            TimeoutError: if it never was.
        """
        for _ in range(ATTEMPTS):
            record = self._run(script)
            if record.is_sound:
                return record
        raise TimeoutError("this machine is too busy to look at a server twice a step")

    def _run(self, script: Script) -> Record:
        before = self._at_rest()
        calls: list[Call] = []
        with self._sampled() as gauges:
            for sent in script.requests:
                self._wait_for(sent.at, calls)
                calls.append(Call(self._stub, sent, self._skipped, self._heard))
            for call, sent in zip(calls, script.requests, strict=True):
                if sent.given_up:
                    self._wait_for(sent.given_up, calls)
                    call.give_up()
            for call in calls:
                call.thread.join(PATIENCE_SECONDS)
            after = self._at_rest()
        seen = tuple(self._seen(call) for call in calls)
        return Record(self._step_seconds, (before, after), seen, tuple(gauges))

    def gauges(self) -> Gauges:
        """Return what the metrics port shows."""
        shown = self._shown()
        used = shown[USED] if USED in shown else 1.0 - shown[AVAILABLE]
        return Gauges(time.monotonic(), shown[BACKLOG], used)

    def _shown(self) -> dict[str, float]:
        with urllib.request.urlopen(self._page, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310
            page = reply.read().decode()
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name in GAUGES
        }

    def _seen(self, call: Call) -> Seen:
        prefilled = call.times[0] if self._skipped and call.times else None
        times, tokens = call.times[self._skipped :], call.tokens[self._skipped :]
        return Seen(call.sent, prefilled, tuple(times), tuple(tokens), call.ended)

    def _wait_for(self, moment: Moment | None, calls: list[Call]) -> None:
        if moment is None:
            return
        call = calls[moment.request]
        with self._heard:
            self._until(lambda: len(call.times) >= moment.messages + self._skipped)

    def _until(self, holds: Callable[[], bool]) -> None:
        if not self._heard.wait_for(holds, PATIENCE_SECONDS):
            raise TimeoutError(f"nothing came for {PATIENCE_SECONDS:g} s")

    def _at_rest(self) -> Gauges:
        """Return the gauges once they have not changed for ten steps."""
        pause = threading.Event()
        since = now = self.gauges()
        while now.seconds - since.seconds < 10 * self._step_seconds:
            pause.wait(SAMPLE_SECONDS)
            now = self.gauges()
            if (now.backlog, now.used) != (since.backlog, since.used):
                since = now
        return now

    @contextmanager
    def _sampled(self) -> Iterator[list[Gauges]]:
        """Give a list to which the gauges are added over and over."""
        gauges: list[Gauges] = []
        over = threading.Event()

        def sample() -> None:
            while not over.wait(SAMPLE_SECONDS):
                gauges.append(self.gauges())

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield gauges
        finally:
            over.set()
            thread.join()
