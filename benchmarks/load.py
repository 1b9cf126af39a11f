"""What the load's generator costs and how late it is, beside a bare ASGI application that streams.

Usage: python benchmarks/load.py [--json FILE] [--only NAME ...]

The application (`bare_asgi.py`) answers every request with 20 tokens, 5 ms apart; it runs on one
core, one generator (Locust, `scalecert.load`) on another. Arrivals are Poisson and seeded, one
connection a request, prompts of 300 tokens. RATE is in requests per second.

    load.rate_RATE.delay_p50_ms, load.rate_RATE.delay_p99_ms
                                  how long after its arrival a request was sent
    load.rate_RATE.ttft_excess_ms median of times to the first token, beyond the 5 ms that it takes
    load.rate_RATE.cpu_us_per_token
                                  CPU microseconds of the generator per token that it read
    load.rate_RATE.cpu_share      of a core
    load.whole.*                  the same of 150 requests per second that are not streamed
    load.budget.*                 the same of as many as `TOKENS_PER_SECOND` allows
    load.streaming_cost_ratio     CPU of a request that is streamed over one that is not, 150/s
    load.density_cost_ratio       CPU per token at 50/s over that at 150/s: how much is per wake-up
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from figures import write_figures
from server_process import CLIENT_CORE, Server, free_port, pinned, serving
from stream_reader import cpu_seconds

from scalecert.clock import unix_seconds
from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.request_log import Status
from scalecert.load import TOKENS_PER_SECOND, Answers, Offer, Service, prepare
from scalecert.rng import stream

TOKENS, GAP_SECONDS, EVENT_BYTES = 20, 0.005, 250
PROMPT_TOKENS = 300
SECONDS = 15.0
LIMIT_SECONDS = 60.0
BUSY, QUIET = 150.0, 50.0
"""Requests per second."""
CALL = Call(
    path="/",
    before=b'{"prompt":[',
    word=b"100",
    separator=b",",
    between=b'],"max_tokens":',
    after=b"}",
    piece_end=b"\n\n",
    token=b"data:",
)


class Generator:
    """The one process of a load; implements `scalecert.load.Processes`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.cpu_seconds = 0.0
        """Of the run: from when it was ready to when it was stopped."""

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it on the client's core."""
        with pinned(CLIENT_CORE), (self._folder / f"{name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=env, start_new_session=True
            )

    def note_cpu(self) -> None:
        """Count CPU seconds from now on."""
        self.cpu_seconds -= cpu_seconds(self._started().pid)

    def stop(self, name: str, *, timeout_seconds: float = 10.0) -> None:
        """Stop it, and count until now."""
        if self.exit_code(name) is None:
            self.cpu_seconds += cpu_seconds(self._started().pid)
            self._started().terminate()
            self._started().wait(timeout_seconds)

    def exit_code(self, name: str) -> int | None:  # noqa: ARG002 - there is one
        """Return its exit code, None while it runs."""
        return self._started().poll()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValueError("nothing was started")
        return self._process


def rates() -> dict[str, float]:
    """Measure streamed answers at both rates."""
    with bare() as server:
        quiet, busy = (figures(*offered(server, rate)) for rate in (QUIET, BUSY))
        whole = figures(*offered(server, BUSY, streamed=False))
    named = {f"rate_{QUIET:g}": quiet, f"rate_{BUSY:g}": busy, "whole": whole}
    return prefixed(named) | {
        "load.streaming_cost_ratio": busy["cpu_share"] / whole["cpu_share"],
        "load.density_cost_ratio": quiet["cpu_us_per_token"] / busy["cpu_us_per_token"],
    }


def budget() -> dict[str, float]:
    """Measure as many streamed tokens as the budget allows."""
    with bare() as server:
        return prefixed({"budget": figures(*offered(server, TOKENS_PER_SECOND / TOKENS))})


def prefixed(groups: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the figures of all groups under their keys."""
    return {
        f"load.{group}.{key}": value
        for group, found in groups.items()
        for key, value in found.items()
    }


@contextmanager
def bare() -> Iterator[Server]:
    """Serve the bare application."""
    port = free_port()
    settings = (port, TOKENS, GAP_SECONDS, EVENT_BYTES)
    command = (sys.executable, str(Path(__file__).with_name("bare_asgi.py")), *map(str, settings))
    with serving(command, port, "/health") as server:
        yield server


def offered(server: Server, rate: float, *, streamed: bool = True) -> tuple[Answers, float]:
    """Return the answers to a load of such a rate, and the CPU seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        routes = Path(folder) / "routes.json"
        pod = {"ordinal": 0, "name": "bare", "address": "127.0.0.1"}
        routes.write_bytes(msgspec.json.encode({"pods": [pod]}))
        client = ApiClient(port=server.port, streamed=CALL, whole=CALL)
        generator = Generator(Path(folder))
        load = prepare(
            generator, Path(folder) / "load", an_offer(rate, streamed), Service(client, routes)
        )
        generator.note_cpu()
        load.begin(unix_seconds() + 0.5)
        answers = load.collect(limit_seconds=LIMIT_SECONDS)
    if (answers.status != Status.OK).any():
        sys.exit(f"{np.count_nonzero(answers.status != Status.OK)} requests were not answered")
    return answers, generator.cpu_seconds


def an_offer(rate: float, streamed: bool) -> Offer:
    """Return Poisson arrivals."""
    random = stream(1, "benchmark", f"{rate}")
    count = int(rate * SECONDS)
    return Offer(
        arrival_seconds=np.sort(random.uniform(0.0, SECONDS, count)),
        input_tokens=np.full(count, PROMPT_TOKENS, dtype=np.int32),
        output_tokens=np.full(count, TOKENS, dtype=np.int32),
        streamed=np.full(count, streamed),
        draws=random.random(count),
    )


def figures(answers: Answers, cpu: float) -> dict[str, float]:
    """Return the figures of one load."""
    delay = 1e3 * (answers.sent_seconds - answers.arrival_seconds)
    found = {
        "delay_p50_ms": float(np.percentile(delay, 50)),
        "delay_p99_ms": float(np.percentile(delay, 99)),
        "cpu_us_per_token": 1e6 * cpu / (len(delay) * TOKENS),
        "cpu_share": cpu / SECONDS,
    }
    if answers.streamed.all():
        ttft = answers.first_token_seconds - answers.sent_seconds
        found["ttft_excess_ms"] = 1e3 * (float(np.median(ttft)) - GAP_SECONDS)
    return found


MEASUREMENTS = (rates, budget)

if __name__ == "__main__":
    write_figures(__doc__.splitlines()[0], MEASUREMENTS)
