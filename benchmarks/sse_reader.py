"""A client that reads many token streams at little cost, so that the server is what is measured.

Usage: python benchmarks/sse_reader.py < JOB > READINGS

A process of its own: the benchmark pins it to another core than the server. Streams are a closed
loop: each connection asks again when its answer has ended. One timestamp is taken per read, tokens
are counted by a mark that each one's event contains, and nothing is parsed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import uvloop

END = b"0\r\n\r\n"
"""The last chunk of an answer in chunked transfer encoding."""
OK = b"HTTP/1.1 200"
CLUMPED_SECONDS = 0.001
GRACE_SECONDS = 30.0
"""In which the last answers have to end."""


class Job(msgspec.Struct, frozen=True):
    """What to read: `streams` answers of `tokens` tokens at once, over and over for `seconds`."""

    port: int
    server_pid: int
    target: str
    body: str
    mark: str
    """Stands once in what is sent for each token."""
    streams: int
    tokens: int
    gap_seconds: float
    """Between two tokens of a stream, by the model."""
    ramp_seconds: float
    """Over which streams start, and which is left out."""
    seconds: float


class Readings(msgspec.Struct, frozen=True):
    """What was read in the `seconds` after the ramp; CPU as shares of a core."""

    tokens_per_second: float
    bytes_per_token: float
    reads_per_token: float
    ttft_p50_seconds: float
    gap_p50_seconds: float
    gap_p99_seconds: float
    gap_error_p99_seconds: float
    """Of the distance of every gap from the model's, in either direction."""
    clumped_share: float
    """Of tokens that came less than a millisecond after the one before them."""
    server_cpu_share: float
    reader_cpu_share: float


class Stream(asyncio.Protocol):
    """One connection: asks, notes when how many tokens came, and asks again until told to stop."""

    def __init__(self, job: Job, stop: asyncio.Event) -> None:
        body = job.body.encode()
        self.request = (
            f"POST {job.target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.mark = job.mark.encode()
        self.tokens = job.tokens
        self.stop = stop
        self.ended = asyncio.get_running_loop().create_future()
        self.answers: list[tuple[float, array[float], array[int]]] = []
        self.bytes_read = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        """Send the request."""
        self.times = array("d")
        self.counts = array("l")
        self.started = False
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Note the time and the number of tokens."""
        now = time.perf_counter()
        count = data.count(self.mark)
        if count:
            self.times.append(now)
            self.counts.append(count)
            self.bytes_read += len(data)
        if not self.started:
            self.started = True
            if not data.startswith(OK):
                self.fail(data.decode(errors="replace"))
        if data.endswith(END):
            self.finish()

    def finish(self) -> None:
        """Keep the answer, ask again or leave."""
        if sum(self.counts) < self.tokens:
            self.fail(f"{sum(self.counts)} tokens came, not {self.tokens}")
            return
        self.answers.append((self.asked, self.times, self.counts))
        if self.stop.is_set():
            self.transport.close()
        else:
            self.ask()

    def fail(self, why: str) -> None:
        """Give up."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionError(why))
        self.transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell that nothing more comes."""
        if not self.ended.done():
            left_early = None if self.stop.is_set() else ConnectionError("the server hung up")
            if left_early:
                self.ended.set_exception(left_early)
            else:
                self.ended.set_result(None)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, by the kernel's clock ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


async def read(job: Job) -> Readings:
    """Read streams as the job says."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    streams: list[Stream] = []
    begin = loop.time()
    for number in range(job.streams):
        due = begin + job.ramp_seconds * number / job.streams
        await asyncio.sleep(max(0.0, due - loop.time()))
        _, stream = await loop.create_connection(partial(Stream, job, stop), "127.0.0.1", job.port)
        streams.append(stream)
    await asyncio.sleep(max(0.0, begin + job.ramp_seconds - loop.time()) + 0.2)
    before = (time.perf_counter(), cpu_seconds(job.server_pid), time.process_time())
    await asyncio.sleep(job.seconds)
    after = (time.perf_counter(), cpu_seconds(job.server_pid), time.process_time())
    stop.set()
    async with asyncio.timeout(GRACE_SECONDS):
        await asyncio.gather(*(stream.ended for stream in streams))
    return readings(job, streams, before, after)


def readings(
    job: Job,
    streams: list[Stream],
    before: tuple[float, float, float],
    after: tuple[float, float, float],
) -> Readings:
    """Return the figures of what came between two (time, server's CPU, own CPU)."""
    gaps, first_tokens, arrivals, reads, all_tokens = [], [], 0, 0, 0
    for stream in streams:
        for asked, times, counts in stream.answers:
            seen = np.repeat(np.asarray(times), np.asarray(counts))[: job.tokens]
            within = (before[0] <= seen) & (seen < after[0])
            arrivals += int(within.sum())
            gaps.append(np.diff(seen)[within[1:]])
            if before[0] <= asked < after[0]:
                first_tokens.append(times[0] - asked)
            reads += len(times)
            all_tokens += job.tokens
    every = np.concatenate(gaps)
    wall, server_cpu, own_cpu = (
        later - sooner for sooner, later in zip(before, after, strict=True)
    )
    return Readings(
        tokens_per_second=arrivals / wall,
        bytes_per_token=sum(stream.bytes_read for stream in streams) / all_tokens,
        reads_per_token=reads / all_tokens,
        ttft_p50_seconds=float(np.median(first_tokens)),
        gap_p50_seconds=float(np.percentile(every, 50)),
        gap_p99_seconds=float(np.percentile(every, 99)),
        gap_error_p99_seconds=float(np.percentile(abs(every - job.gap_seconds), 99)),
        clumped_share=float((every < CLUMPED_SECONDS).mean()),
        server_cpu_share=server_cpu / wall,
        reader_cpu_share=own_cpu / wall,
    )


def main() -> None:
    """Read a job, do it, write what was found."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    found = uvloop.run(read(job))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
