"""Locust's master and workers, as processes on this machine: the same load, the same log."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from load.children import LIMIT_SECONDS, Children, children, wait_for
from load.offers import client, offer_of, write_routes
from load.scripted_server import scripted_servers

from scalecert.clock import unix_seconds
from scalecert.engines.request_log import Status
from scalecert.load import Service, Workers, prepare
from scalecert.load.answer_log import RECORD

REQUESTS = 30


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Children]:
    """Yield who starts processes."""
    with children(tmp_path) as started:
        yield started


@pytest.fixture
def workers(processes: Children) -> Workers:
    """Start two workers, which wait for a master that is not there yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("worker-0", "worker-1"):
        processes.start(
            name, (sys.executable, "-m", "scalecert.load", "worker", "127.0.0.1", str(port))
        )
    return Workers(2, port=port)


def test_workers_share_a_load(processes, workers, tmp_path):
    """Every request is sent once, at its time, to who is ready by then; one log has it all."""
    routes = tmp_path / "routes.json"
    write_routes(routes, {0: "127.0.0.1"})
    offer = offer_of(np.arange(REQUESTS) * 0.05, inputs=list(range(1, REQUESTS + 1)))
    with scripted_servers({}, ["127.0.0.1", "127.0.0.2"]) as servers:
        service = Service(client(servers[0].port), routes, routing="round-robin")
        load = prepare(
            processes,
            tmp_path / "load",
            offer,
            service,
            workers=workers,
            limit_seconds=LIMIT_SECONDS,
        )
        load.begin(unix_seconds() + 0.5)
        wait_for(lambda: len(servers[0].asked) >= 5, "the first requests")
        write_routes(routes, {1: "127.0.0.2"})
        answers = load.collect(limit_seconds=LIMIT_SECONDS)
        for name in ("worker-0", "worker-1"):
            assert processes.running[name].wait(LIMIT_SECONDS) == 0, "ends with its master"
    assert answers.problems == ()
    assert answers.status.tolist() == [Status.OK] * REQUESTS
    asked = [[prompt for (prompt,) in server.prompts()] for server in servers]
    assert sorted(asked[0] + asked[1]) == list(range(1, REQUESTS + 1))
    assert len(asked[0]) >= 5
    assert len(asked[1]) >= 5
    by_replica = [np.flatnonzero(answers.replica == one) + 1 for one in (0, 1)]
    assert [sorted(one) for one in asked] == [one.tolist() for one in by_replica]
    # The clocks are one here: whatever the pings said, it is less than their round trips.
    late = answers.sent_seconds - answers.arrival_seconds
    assert late.min() > -0.1


def test_a_worker_that_is_lost_is_told(processes, workers, tmp_path):
    """The rest of its requests was not sent; those of the other count."""
    routes = tmp_path / "routes.json"
    write_routes(routes, {0: "127.0.0.1"})
    offer = offer_of([0.0, 0.1, 300.0, 300.0], inputs=[1, 2, 3, 4])
    with scripted_servers({}) as (server,):
        load = prepare(
            processes,
            tmp_path / "load",
            offer,
            Service(client(server.port), routes),
            workers=workers,
            limit_seconds=LIMIT_SECONDS,
        )
        load.begin(unix_seconds() + 0.5)
        log, records = tmp_path / "load" / "answers-0.log", 4 * RECORD.itemsize
        wait_for(lambda: log.stat().st_size >= records, "two answers in the log")
        os.killpg(processes.running["worker-0"].pid, signal.SIGKILL)
        answers = load.collect(limit_seconds=LIMIT_SECONDS)
    assert answers.status.tolist() == [Status.OK, Status.OK, Status.PENDING, Status.PENDING]
    (problem,) = answers.problems
    assert "load-0 ended with exit code 1" in problem
    assert "is lost" in processes.log("load-0").read_text()
