"""A client that reads many token streams at little cost, so that the server is what is measured.

Usage: python benchmarks/stream_reader.py < JOB > READINGS

A process of its own: the benchmark pins it to another core than the server. Streams are a closed
loop: each connection asks again when its answer has ended (`token_streams.py`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import uvloop
from token_streams import STREAMS, Job, TokenStream

CLUMPED_SECONDS = 0.001
GRACE_SECONDS = 30.0
"""In which the last answers have to end."""


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


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, by the kernel's clock ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


async def read(job: Job) -> Readings:
    """Read streams as the job says."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    streams: list[TokenStream] = []
    begin = loop.time()
    for number in range(job.streams):
        due = begin + job.ramp_seconds * number / job.streams
        await asyncio.sleep(max(0.0, due - loop.time()))
        _, stream = await loop.create_connection(
            partial(STREAMS[job.protocol], job, stop), "127.0.0.1", job.port
        )
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
    streams: list[TokenStream],
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
