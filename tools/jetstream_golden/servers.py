"""Start the real server and the mock server as processes of their own, and end them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
from jetstream.core.proto import jetstream_pb2, jetstream_pb2_grpc

from jetstream_golden.live import Live
from jetstream_golden.scripts import SLOTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STEP_SECONDS = 0.25
"""Of a generate step and of a prefill: long beside what Python needs to pass tokens on."""
START_SECONDS = 120.0


@contextmanager
def real_server(dispatch: str) -> Iterator[Live]:
    """Serve google-jetstream's orchestrator; `dispatch` is as real_server.py has it."""
    ports = free_ports(2)
    words = [str(HERE / "real_server.py"), "--port", str(ports[0])]
    words += ["--metrics-port", str(ports[1]), "--slots", str(SLOTS), "--dispatch", dispatch]
    words += ["--prefill-seconds", str(STEP_SECONDS), "--step-seconds", str(STEP_SECONDS)]
    with _served(words, ports) as live:
        yield live


@contextmanager
def mock_server() -> Iterator[Live]:
    """Serve the mock server with as many slots and steps as long."""
    ports = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "slow.yaml"
        profile.write_text(slow_profile())
        words = ["-m", "mock_servers.jetstream", "--profile", str(profile), "--port", str(ports[0])]
        words += ["--metrics-port", str(ports[1]), "--http-port", "off", "--sidecar-port", "off"]
        words += ["--batch-size", str(SLOTS)]
        with _served(words, ports) as live:
            yield live


def slow_profile() -> str:
    """Return a profile of the fixtures whose steps and prefills take STEP_SECONDS each."""
    text = (ROOT / "fixtures/profiles/jetstream_gemma-7b_v5e-x8.yaml").read_text()
    before, _, rest = text.partition("  costs:\n")
    after = rest[rest.index("\n  limits:") + 1 :]
    return (
        f"{before}  costs:\n    weightsSeconds: {STEP_SECONDS}\n    tokenSeconds: 1.0e-9\n{after}"
    )


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def _served(words: Sequence[str], ports: Sequence[int]) -> Iterator[Live]:
    paths = os.pathsep.join([str(ROOT / "harness"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *words], stdout=log, stderr=log, env=environment
        )
        try:
            _wait_until_it_serves(ports[0], process)
            live = Live(*ports, step_seconds=STEP_SECONDS)
            live.warm_up()
            yield live
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise
        finally:
            process.kill()
            process.wait()


def _wait_until_it_serves(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = jetstream_pb2_grpc.OrchestratorStub(channel)
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if stub.HealthCheck(jetstream_pb2.HealthCheckRequest(), timeout=5).is_live:
                    return
            except grpc.RpcError:
                pause.wait(0.1)
    raise RuntimeError("the server did not come up")
