"""A soak of the mock servers: a hard life in minutes, and every request accounted for.

Usage: python benchmarks/soak.py [--seconds 120] [--streams N] [--seed 1] [ENGINE ...]

One server on one core, its clients on another. First the ceiling is measured: tokens per second at
more streams than it can serve. Then 80 % of that run for the time given, or N streams: a quarter of
the clients lose patience at some moment and leave, faults are switched on and off, and metrics are
scraped. In the end it must hold that

- finished + refused + disconnected = sent, by the clients' books and by the server's alike;
- the server's gauges are back at 0, and nothing is outstanding;
- memory has not grown by more than 8 MiB since the first quarter, and no file is left open;
- the process ends by itself, with nothing on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from flat_profiles import flat_profile
from server_process import CLIENT_CORE, SERVER_CORE, pinned
from soak_client import Books, Plan, Wire, client

from scalecert.engines.profiles import profile_text
from scalecert.rng import stream

SHARE_OF_CEILING = 0.8
CEILING_STREAMS, CEILING_SECONDS = 400, 4.0
STEP_SECONDS = 0.005
SEQUENCES = 512
MOST_TOKENS = 400
LEAVE_SHARE, LONGEST_PATIENCE_SECONDS = 0.25, 2.0
LAST_SHARE = 0.3
"""Of requests after whose answer the connection is closed."""
MOST_GROWTH_MIB = 8.0
LIMIT_SECONDS = 60.0
"""Of any wait."""
ROUND_SECONDS, FAULT_SHARE = 20.0, 0.25
"""Of a round of all faults, and the part of it in which one of them is on."""
SETTLING_SECONDS = 0.01
"""Between two looks at whether the server has seen what was sent to it."""
FAULTS: tuple[dict[str, object], ...] = (
    {"slowdown": 5},
    {"errorShare": 0.3},
    {"metrics": "frozen"},
    {"hang": True},
    {"metrics": "off"},
    {"refuse": True},
    {"loadingSeconds": 0.5},
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a stream of an engine is asked for.

    `{tokens}` in the body stands for how many; `gauges` are those that must come back to 0.
    """

    service: str
    target: str
    body: str
    wire: Wire
    gauges: tuple[str, ...]
    idle: float = 0.0
    """What they show at most of an idle server; JetStream's waits with a slot in its hand."""
    more_tokens: int = 0
    """Than asked for, as the real server answers."""
    metrics_service: str = "API"
    flags: tuple[str, ...] = ("--port", "0")


DIALECTS = {
    "vllm": Dialect(
        service="API",
        target="/v1/completions",
        body='{"prompt":"one two three","max_tokens":{tokens},"stream":true,"ignore_eos":true}',
        wire=Wire(b'"text":', b'"error"'),
        gauges=(
            "vllm:num_requests_running",
            "vllm:num_requests_waiting",
            "vllm:kv_cache_usage_perc",
        ),
    ),
    "tgi": Dialect(
        service="API",
        target="/generate_stream",
        body='{"inputs":"one two three","parameters":{"max_new_tokens":{tokens}}}',
        wire=Wire(b'"token":{', b'"error"'),
        gauges=("tgi_queue_size", "tgi_batch_current_size"),
    ),
    "jetstream": Dialect(
        service="HTTP",
        target="/v1/generate",
        body='{"max_tokens":{tokens},"text_content":{"text":"one two three"}}',
        wire=Wire(b'"tokenIds"', b'"error"'),
        gauges=("jetstream_prefill_backlog_size", "jetstream_slots_used_percentage"),
        idle=1.0 / SEQUENCES,
        more_tokens=1,
        metrics_service="metrics",
        flags=(
            *("--port", "0", "--http-port", "0"),
            *("--sidecar-port", "0", "--metrics-port", "0"),
        ),
    ),
}


@dataclass(slots=True)
class Server:
    """A mock server that runs, with what the kernel says of it."""

    process: subprocess.Popen[bytes]
    addresses: dict[str, tuple[str, int]] = field(default_factory=dict)

    def resident_mib(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def open_files(self) -> int:
        """Return how many descriptors it has."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    async def call(
        self, method: str, path: str, body: object = None, *, service: str = "faults"
    ) -> tuple[int, bytes]:
        """Return status and body of a request of its own connection."""
        raw = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        async with asyncio.timeout(LIMIT_SECONDS):
            reader, writer = await asyncio.open_connection(*self.addresses[service])
            writer.write(f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw)
            answer = await reader.read()
            writer.close()
        head, _, found = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), found.encode()

    async def books(self) -> dict[str, int]:
        """Return its books, all services together."""
        services = json.loads((await self.call("GET", "/requests"))[1])
        return {
            account: sum(books[account] for books in services.values())
            for account in next(iter(services.values()))
        }


@dataclass(slots=True)
class Findings:
    """What a soak has found."""

    engine: str
    ceiling: float
    seconds: float
    streams: int
    mine: Books
    theirs: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    resident_mib: list[float] = field(default_factory=list)

    def expect(self, what: str, found: float, low: float, high: float | None = None) -> None:
        """Note what is not as it must be."""
        high = low if high is None else high
        if not low <= found <= high:
            self.wrong.append(f"{what}: found {found:g}, expected {low:g} to {high:g}")

    def text(self) -> str:
        """Return what was found, a line each."""
        mine, memory = self.mine, self.resident_mib
        rate = f"{mine.tokens / self.seconds:,.0f} tokens/s"
        ceiling = f" of {self.ceiling:,.0f} that there could be" if self.ceiling else ""
        sent = (
            f"sent {mine.sent} = finished {mine.finished} + refused {mine.refused}"
            f" + disconnected {mine.disconnected} + unreached {mine.unreached}"
        )
        lines = [
            f"{self.engine}: {self.streams} streams for {self.seconds:g} s, {rate}{ceiling}",
            f"  clients: {sent}",
            f"  server:  {', '.join(f'{name} {number}' for name, number in self.theirs.items())}",
            f"  MiB:     {', '.join(f'{one:.1f}' for one in memory[:: len(memory) // 8 or 1])}",
            *(f"  WRONG: {line}" for line in (*self.wrong, *mine.broken)),
        ]
        return "\n".join(lines)


async def soak(engine: str, seconds: float, streams: int | None, seed: int) -> Findings:
    """Run one soak."""
    dialect = DIALECTS[engine]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as errors,
        ExitStack() as client_core,
    ):
        profile = Path(folder) / "flat.yaml"
        flat = flat_profile(engine, step_seconds=STEP_SECONDS, sequences=SEQUENCES)
        profile.write_text(profile_text(flat))
        async with serving(engine, dialect, profile, errors.fileno()) as server:
            client_core.enter_context(pinned(CLIENT_CORE))
            files = server.open_files()
            ceiling = 0.0
            mine = Books()
            if streams is None:
                ceiling = await measured_ceiling(server, dialect, mine, seed)
                streams = max(int(SHARE_OF_CEILING * ceiling * STEP_SECONDS), 1)
            findings = Findings(engine, ceiling, seconds, streams, mine)
            mine.tokens = 0
            await run_clients(server, dialect, findings, seed)
            await check_the_end(server, dialect, findings, files)
            server.process.send_signal(signal.SIGINT)
            findings.expect("exit code", server.process.wait(LIMIT_SECONDS), 0)
        errors.seek(0)
        findings.wrong += errors.read().decode(errors="replace").splitlines()
    return findings


@asynccontextmanager
async def serving(
    engine: str, dialect: Dialect, profile: Path, errors: int
) -> AsyncIterator[Server]:
    """Start a mock server and wait until it is ready."""
    words = ("--profile", str(profile), "--faults-port", "0", *dialect.flags)
    with pinned(SERVER_CORE):
        process = subprocess.Popen(
            (sys.executable, "-m", "scalecert", "mock", engine, *words),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        server = Server(process)
        assert process.stdout is not None  # noqa: S101 - as it was asked for
        for line in process.stdout:
            name, _, address = line.decode().strip().partition(": ")
            if "://" in address:
                place = urlsplit(address)
                server.addresses[name] = (place.hostname or "", place.port or 0)
            if name == "ready":
                break
        yield server
    finally:
        process.kill()
        process.wait()


async def measured_ceiling(server: Server, dialect: Dialect, books: Books, seed: int) -> float:
    """Return the tokens per second that clients get who ask for more than there can be."""
    stop = asyncio.Event()
    plans = planned(dialect, seed, "ceiling", patient=True)
    clients = start_clients(server, dialect, books, [plans] * CEILING_STREAMS, stop)
    await asyncio.sleep(CEILING_SECONDS / 2)
    before = books.tokens
    await asyncio.sleep(CEILING_SECONDS)
    ceiling = (books.tokens - before) / CEILING_SECONDS
    stop.set()
    await asyncio.wait(clients, timeout=LIMIT_SECONDS)
    return ceiling


def planned(dialect: Dialect, seed: int, *names: str, patient: bool = False) -> Iterator[Plan]:
    """Yield requests for ever, the same for the same seed and names."""
    draw = stream(seed, "soak", *names)
    while True:
        tokens = int(draw.integers(1, MOST_TOKENS))
        body = dialect.body.replace("{tokens}", str(tokens)).encode()
        head = f"POST {dialect.target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        leaves = not patient and draw.random() < LEAVE_SHARE
        yield Plan(
            request=f"{head}content-length: {len(body)}\r\n\r\n".encode() + body,
            tokens=tokens + dialect.more_tokens,
            leaves_after_seconds=draw.uniform(0.0, LONGEST_PATIENCE_SECONDS) if leaves else None,
            resets=bool(draw.random() < 0.5),
            last=bool(draw.random() < LAST_SHARE),
        )


def start_clients(
    server: Server,
    dialect: Dialect,
    books: Books,
    plans: list[Iterator[Plan]],
    stop: asyncio.Event,
) -> list[asyncio.Task[None]]:
    """Let a client work off each of the plans."""
    place = server.addresses[dialect.service]
    return [asyncio.create_task(client(place, dialect.wire, books, one, stop)) for one in plans]


async def run_clients(server: Server, dialect: Dialect, findings: Findings, seed: int) -> None:
    """Run the clients for the time given, with faults, and let them end."""
    stop = asyncio.Event()
    plans = [planned(dialect, seed, str(number)) for number in range(findings.streams)]
    clients = start_clients(server, dialect, findings.mine, plans, stop)
    watching = asyncio.create_task(watch(server, dialect, findings, stop))
    rounds = max(round(findings.seconds / ROUND_SECONDS), 1)
    each = findings.seconds / (rounds * len(FAULTS))
    for fault in FAULTS * rounds:
        await asyncio.sleep(each * (1.0 - FAULT_SHARE))
        if "refuse" in fault:
            await all_heard(findings.mine)
        await server.call("PUT", "/faults", fault)
        findings.mine.paused = False
        await asyncio.sleep(each * FAULT_SHARE)
        await server.call("DELETE", "/faults")
    stop.set()
    _, waiting = await asyncio.wait((watching, *clients), timeout=LIMIT_SECONDS)
    findings.expect("clients that wait for an end", len(waiting), 0)
    for task in waiting:
        task.cancel()


async def all_heard(mine: Books) -> None:
    """Let nobody ask until the server has seen what was sent, for it is about to close its socket.

    Else nobody could tell whether it had seen a request whose client left without an answer.
    """
    mine.paused = True
    mine.refusals += 1
    async with asyncio.timeout(LIMIT_SECONDS):
        while mine.unheard:
            await asyncio.sleep(SETTLING_SECONDS)


async def watch(server: Server, dialect: Dialect, findings: Findings, stop: asyncio.Event) -> None:
    """Scrape metrics, and note the memory, while the clients' load goes on."""
    mine = findings.mine
    while not stop.is_set():
        findings.resident_mib.append(server.resident_mib())
        await asyncio.sleep(findings.seconds / 100)
        if mine.paused:
            continue
        mine.sent += 1
        mine.unheard += 1
        try:
            status, _ = await server.call("GET", "/metrics", service=dialect.metrics_service)
        except (OSError, IndexError):
            mine.unreached += 1
        else:
            mine.finished += status == 200
            mine.refused += status != 200
        mine.unheard -= 1


async def check_the_end(server: Server, dialect: Dialect, findings: Findings, files: int) -> None:
    """Hold the books against each other, and the server to being as it was."""
    mine, expect = findings.mine, findings.expect
    until = asyncio.get_running_loop().time() + LIMIT_SECONDS
    while any((left := await leftovers(server, dialect, findings)).values()):
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.1)
    for what, value in left.items():
        expect(what, value, 0)
    while server.open_files() > files and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.1)
    expect("open files", server.open_files(), 0, files)
    findings.theirs = theirs = await server.books()
    expect("clients' books: missing", mine.balance(), 0)
    expect("answers that broke off", len(mine.broken), 0)
    expect("received", theirs["received"], mine.sent - mine.unreached)
    expect("refused", theirs["refused"], mine.refused)
    expect("finished", theirs["finished"], mine.finished, mine.finished + mine.reset)
    least = mine.disconnected - mine.reset
    expect("disconnected", theirs["disconnected"], least, mine.disconnected)
    expect("aborted", theirs["aborted"], 0)
    findings.resident_mib.append(server.resident_mib())
    quarter = findings.resident_mib[: max(len(findings.resident_mib) // 4, 1)]
    growth = findings.resident_mib[-1] - max(quarter)
    expect("growth of memory in MiB", growth, -float("inf"), MOST_GROWTH_MIB)


async def leftovers(server: Server, dialect: Dialect, findings: Findings) -> dict[str, float]:
    """Return what must become 0: requests outstanding and the gauges, by a scrape of ours."""
    books = await server.books()
    findings.mine.sent += 1
    findings.mine.finished += 1
    _, page = await server.call("GET", "/metrics", service=dialect.metrics_service)
    left = {"outstanding": float(books["outstanding"])}
    for gauge in dialect.gauges:
        values = re.findall(rf"^{gauge}(?:{{.*}})? (\S+)$", page.decode(), re.MULTILINE)
        most = max(map(float, values), default=float("nan"))
        left[gauge] = 0.0 if most <= dialect.idle else most
    return left


def main() -> None:
    """Run the soaks that were asked for; exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="vllm, tgi, jetstream; all")
    parser.add_argument("--seconds", type=float, default=120.0, help="of each engine (120)")
    parser.add_argument("--streams", type=int, help="at once; 80 %% of the ceiling if not given")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong = False
    for engine in options.engines or DIALECTS:
        findings = uvloop.run(soak(engine, options.seconds, options.streams, options.seed))
        print(findings.text(), flush=True)
        wrong = wrong or bool(findings.wrong)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
