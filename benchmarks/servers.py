"""Speed of the mock servers, beside a bare ASGI application in the same run: machines are noisy.

Usage: python benchmarks/servers.py [--json FILE] [--only ENGINE ...]

Each server runs on one core, its client on another (`stream_reader.py`). Streams have 200 tokens,
the model's gap between two is 5 ms (`flat_profiles.py`); each connection asks again at once. The
bare application (`bare_asgi.py`, uvicorn with uvloop and httptools) sends events of the same size.
Both take turns, and figures are medians of the turns.

    mock.E.tokens_per_second       streamed tokens per second at 400 streams, which ask for 80,000
    mock.E.baseline_ratio          the same over the bare application's, of turns side by side
    mock.E.gap_p99_error_ms        at 100 streams, 20,000 tokens per second: the 99th percentile of
                                   how far the gap between two tokens is from the model's
    mock.E.gap_p99_ms              the 99th percentile of these gaps
    mock.E.paced_clumped_share     of these tokens, that came less than 1 ms after the one before
    mock.E.clumped_share           the same at 400 streams
    mock.E.cpu_us_per_token        CPU microseconds of the server per token, at 400 streams
    mock.E.idle_rss_mb             resident memory after one request and two scrapes of /metrics
    mock.E.loaded_rss_mb           the same after all streams
    mock.E.start_seconds           from the start until /health answers 200
    mock.E.start_ratio             the same over the time of `python -c 'import uvicorn'`
    mock.E.idle_wakeups_per_second
                                   of all its threads while nothing runs; uvicorn's own are ten
    mock.E.reader_cpu_share        of a core that the client took at 400 streams; well below 1, the
                                   client is not what is measured
    mock.jetstream.grpc_tokens_per_second, mock.jetstream.grpc_cpu_us_per_token
                                   over gRPC in place of HTTP, at 100 streams, which it is full of
    mock.E.bare_*                  the same of the bare application beside E
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import msgspec
from dialects import DIALECTS, GRPC, TOKENS, Dialect
from figures import write_figures
from flat_profiles import flat_profile
from server_process import (
    CLIENT_CORE,
    Server,
    free_port,
    pinned,
    seconds_of,
    serving,
    status_and_body,
)
from stream_reader import Readings
from token_streams import Job

from scalecert.engines.profiles import profile_text

HERE = Path(__file__).parent
GAP_SECONDS = 0.005
SATURATING, PACED = 400, 100
"""Streams at once."""
SEQUENCES = 512
"""That the server takes at once: more than streams."""
TURNS = 3
TURN_SECONDS = 2.5
STARTS = 5
IDLE_SECONDS = 3.0


def vllm() -> dict[str, float]:
    """Measure the mock of vLLM."""
    return of_engine("vllm")


def tgi() -> dict[str, float]:
    """Measure the mock of TGI."""
    return of_engine("tgi")


def jetstream() -> dict[str, float]:
    """Measure the mock of JetStream: by its HTTP interface, and what gRPC bears."""
    figures = of_engine("jetstream")
    with flat("jetstream") as profile, mock("jetstream", GRPC, profile) as (server, _):
        turns = [read(server, GRPC, PACED, TURN_SECONDS) for _ in range(TURNS)]
    return figures | {
        "mock.jetstream.grpc_tokens_per_second": median(each.tokens_per_second for each in turns),
        "mock.jetstream.grpc_cpu_us_per_token": median(map(cpu_us_per_token, turns)),
    }


def of_engine(engine: str) -> dict[str, float]:
    """Measure one engine's mock server and the bare application beside it."""
    dialect = DIALECTS[engine]
    with flat(engine) as profile:
        figures = at_rest(engine, dialect, profile)
        with mock(engine, dialect, profile) as (ours, _):
            event_bytes = read(ours, dialect, streams=1, seconds=1.0).bytes_per_token
            with bare(round(event_bytes)) as theirs:
                streamed = in_turns(ours, theirs, dialect)
            figures["loaded_rss_mb"] = ours.resident_mb()
    return {f"mock.{engine}.{key}": value for key, value in (figures | streamed).items()}


def at_rest(engine: str, dialect: Dialect, profile: Path) -> dict[str, float]:
    """Return what starting costs, and what a server is like that has little to do."""
    starts, imports = [], []
    for _ in range(STARTS):
        imports.append(seconds_of((sys.executable, "-c", "import uvicorn")))
        with mock(engine, dialect, profile) as (server, metrics_port):
            starts.append(server.start_seconds)
            expect_ok(server.port, dialect.target, dialect.body)
            for _ in range(2):
                expect_ok(metrics_port, "/metrics")
            resident = server.resident_mb()
            if len(starts) == STARTS:
                wakeups = server.wakeups_per_second(IDLE_SECONDS)
    return {
        "start_ratio": median(start / least for start, least in zip(starts, imports, strict=True)),
        "start_seconds": median(starts),
        "idle_rss_mb": resident,
        "idle_wakeups_per_second": wakeups,
    }


def expect_ok(port: int, path: str, body: bytes | None = None) -> None:
    """Ask a server; end if it does not answer 200."""
    status, answer = status_and_body(port, path, body)
    if status != 200:
        sys.exit(f"{path}: found {status} {answer.decode()[:200]}, expected 200")


def in_turns(ours: Server, theirs: Server, dialect: Dialect) -> dict[str, float]:
    """Return the figures of both servers' streams; the bare application's begin with `bare_`."""
    full = [both(ours, theirs, dialect, SATURATING) for _ in range(TURNS)]
    paced = [both(ours, theirs, dialect, PACED) for _ in range(TURNS)]
    ratios = [mine.tokens_per_second / bare.tokens_per_second for mine, bare in full]
    mine, others = (
        of_turns([turn[place] for turn in full], [turn[place] for turn in paced])
        for place in (0, 1)
    )
    beside = {f"bare_{key}": value for key, value in others.items()}
    return {"baseline_ratio": median(ratios), **mine, **beside}


def both(ours: Server, theirs: Server, dialect: Dialect, streams: int) -> tuple[Readings, Readings]:
    """Read from both servers, one after the other."""
    mine = read(ours, dialect, streams, TURN_SECONDS)
    return mine, read(theirs, replace(dialect, mark="data:"), streams, TURN_SECONDS)


def of_turns(full: Sequence[Readings], paced: Sequence[Readings]) -> dict[str, float]:
    """Return one server's figures: medians of its turns at both numbers of streams."""

    def middle(turns: Sequence[Readings], figure: Callable[[Readings], float]) -> float:
        return median(figure(turn) for turn in turns)

    return {
        "tokens_per_second": middle(full, lambda turn: turn.tokens_per_second),
        "cpu_us_per_token": middle(full, cpu_us_per_token),
        "clumped_share": middle(full, lambda turn: turn.clumped_share),
        "reader_cpu_share": middle(full, lambda turn: turn.reader_cpu_share),
        "gap_p99_ms": middle(paced, lambda turn: 1e3 * turn.gap_p99_seconds),
        "gap_p99_error_ms": middle(paced, lambda turn: 1e3 * turn.gap_error_p99_seconds),
        "paced_clumped_share": middle(paced, lambda turn: turn.clumped_share),
    }


def cpu_us_per_token(turn: Readings) -> float:
    """Return the CPU microseconds of the server per token."""
    return 1e6 * turn.server_cpu_share / turn.tokens_per_second


def read(server: Server, dialect: Dialect, streams: int, seconds: float) -> Readings:
    """Return what a client reads of so many streams at once, in a process of its own."""
    job = Job(
        port=server.port,
        server_pid=server.pid,
        target=dialect.target,
        body=dialect.body,
        mark=dialect.mark,
        protocol=dialect.protocol,
        streams=streams,
        tokens=TOKENS,
        gap_seconds=GAP_SECONDS,
        ramp_seconds=TOKENS * GAP_SECONDS,
        seconds=seconds,
    )
    with pinned(CLIENT_CORE):
        done = subprocess.run(
            (sys.executable, HERE / "stream_reader.py"),
            input=msgspec.json.encode(job),
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(done.stdout, type=Readings)


@contextmanager
def flat(engine: str) -> Iterator[Path]:
    """Yield the file of the engine's profile whose steps all take equally long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flat.yaml"
        profile = flat_profile(engine, step_seconds=GAP_SECONDS, sequences=SEQUENCES)
        file.write_text(profile_text(profile))
        yield file


@contextmanager
def mock(engine: str, dialect: Dialect, profile: Path) -> Iterator[tuple[Server, int]]:
    """Serve the engine's mock; yield it and the port of its metrics."""
    flags = {dialect.port_flag, dialect.health_flag, dialect.metrics_flag}
    ports = {flag: free_port() for flag in flags}
    places = (ports | dict.fromkeys(dialect.more_flags, 0)).items()
    words = [word for flag, port in places for word in (flag, str(port))]
    command = (sys.executable, "-m", "scalecert", "mock", engine, "--profile", str(profile), *words)
    health_port = ports[dialect.health_flag]
    with serving(command, ports[dialect.port_flag], dialect.health, health_port) as server:
        yield server, ports[dialect.metrics_flag]


@contextmanager
def bare(event_bytes: int) -> Iterator[Server]:
    """Serve the bare application with events of such a size."""
    port = free_port()
    settings = (port, TOKENS, GAP_SECONDS, event_bytes)
    command = (sys.executable, str(HERE / "bare_asgi.py"), *map(str, settings))
    with serving(command, port, "/health") as server:
        yield server


MEASUREMENTS = (vllm, tgi, jetstream)

if __name__ == "__main__":
    write_figures(__doc__.splitlines()[0], MEASUREMENTS)
