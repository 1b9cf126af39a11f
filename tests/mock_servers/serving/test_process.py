"""A mock server's process: what it prints, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from mock_processes import LIMIT_SECONDS, ROOT, MockServer, mock_server

from scalecert.cli import run

PROFILE = ("--profile", "vllm_llama-2-7b_l4")
JETSTREAM = ("--profile", "jetstream_llama-2-7b_v5e")
VERY_SLOW = ("--speed", "0.001")
"""So that no request ends before the test's patience does."""


@contextmanager
def streaming(server: MockServer, tokens: int = 16) -> Iterator[socket.socket]:
    """A connection on which an answer runs; some of it has come, or is sure to."""
    body = (
        b'{"model": "llama-2-7b", "prompt": "one two", "max_tokens": %d, "stream": true}' % tokens
    )
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with connected(server) as client:
        client.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        while b'"outstanding":1' not in server.get("/requests", service="faults")[2]:
            pass
        yield client


@contextmanager
def connected(server: MockServer) -> Iterator[socket.socket]:
    place = urlsplit(server.api)
    with socket.create_connection((place.hostname, place.port), LIMIT_SECONDS) as client:
        yield client


def read_all(client: socket.socket) -> bytes:
    answer = b""
    try:
        while more := client.recv(65536):
            answer += more
    except ConnectionError:
        pass
    return answer


def is_refused(server: MockServer) -> bool:
    try:
        with connected(server):
            return False
    except ConnectionRefusedError:
        return True


def test_it_says_what_it_is_and_where() -> None:
    """Engine, version, model, accelerator, profile; the limits, flags included; one line a port."""
    with mock_server("vllm", *PROFILE, "--speed", "2", "--max-num-seqs", "7") as server:
        what, limits, api, ready = server.lines
    assert what == (
        "mock vllm 0.33.0: llama-2-7b on 1 x l4, profile vllm_llama-2-7b_l4, 2 times as fast"
    )
    assert limits.startswith("limits: max_num_seqs 7, max_num_batched_tokens 2048, ")
    assert api == f"API: http://127.0.0.1:{urlsplit(server.api).port}"
    assert ready == "ready"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(number: signal.Signals) -> None:
    """With exit code 0, and nothing listens any more."""
    with mock_server("vllm", *PROFILE) as server:
        assert server.stop(number) == 0
        assert is_refused(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_the_model_loads(number: signal.Signals) -> None:
    """However long that would take."""
    with mock_server("vllm", *PROFILE, "--startup-delay", "1h", ready=False) as server:
        assert server.get("/health")[0] == 503
        assert server.stop(number) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_requests_run(number: signal.Signals) -> None:
    """vLLM drops them, unless it is told to wait; their connections are closed."""
    with (
        mock_server("vllm", *PROFILE, *VERY_SLOW, "--faults-port", "0") as server,
        streaming(server) as client,
    ):
        assert server.stop(number) == 0
        read_all(client)


def test_it_works_off_what_runs_if_told_to() -> None:
    """`--shutdown-timeout`, the real flag: the answer comes to its end, then the process ends."""
    flags = ("--shutdown-timeout", "600", "--grace", "600s", "--faults-port", "0")
    with mock_server("vllm", *PROFILE, *flags) as server, streaming(server) as client:
        server.process.send_signal(signal.SIGTERM)
        assert read_all(client).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert server.process.wait(LIMIT_SECONDS) == 0


def test_it_ends_within_the_grace_time_whatever_runs() -> None:
    """A drain that would take hours is cut short; a second SIGTERM says nothing new."""
    flags = ("--shutdown-timeout", "7200", "--grace", "2s", "--faults-port", "0")
    with mock_server("vllm", *PROFILE, *VERY_SLOW, *flags) as server, streaming(server) as client:
        server.process.send_signal(signal.SIGTERM)
        assert server.stop(signal.SIGTERM) == 0
        read_all(client)


def test_ctrl_c_ends_a_drain() -> None:
    """SIGINT after SIGTERM does not wait."""
    flags = ("--shutdown-timeout", "7200", "--grace", "7200s", "--faults-port", "0")
    with mock_server("vllm", *PROFILE, *VERY_SLOW, *flags) as server, streaming(server) as client:
        server.process.send_signal(signal.SIGTERM)
        assert server.stop(signal.SIGINT) == 0
        read_all(client)


def test_a_server_that_ignores_sigterm_is_killed_at_the_end_of_the_grace_time() -> None:
    """JetStream: it serves on meanwhile, and dies as the kubelet lets it die."""
    ports = ("--http-port", "0", "--sidecar-port", "0", "--metrics-port", "0")
    with mock_server("jetstream", *JETSTREAM, *ports, "--grace", "3s") as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.get("/metrics", service="metrics")[0] == 200
        assert server.process.wait(LIMIT_SECONDS) == -signal.SIGKILL


@pytest.mark.parametrize("option", ["--port", "--faults-port"])
def test_a_port_in_use_is_one_line(option: str) -> None:
    """Exit code 2, before anything else has been started or printed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        other = () if option == "--port" else ("--port", "0")
        done = subprocess.run(
            [sys.executable, "-m", "scalecert", "mock", "vllm", *PROFILE, *other, option, port],
            env=os.environ | {"PYTHONPATH": str(ROOT / "harness")},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"scalecert: port {port} on 127.0.0.1: address already in use"
        " (take another, or 0 for a free one)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--host", "no such host"), "--host no such host: "),
        (("--host", "192.0.2.1"), "port 0 on 192.0.2.1: cannot assign requested address"),
        (("--max-connections", "0"), "Invalid value for '--max-connections'"),
        (("--max-body-bytes", "-1"), "Invalid value for '--max-body-bytes'"),
        (("--speed", "0"), "Invalid value for '--speed'"),
        (("--grace", "soon"), "Invalid value for '--grace'"),
        (("--faults-port", "65536"), "Invalid value for '--faults-port'"),
    ],
)
def test_what_can_not_be_is_one_line(
    arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing on stdout."""
    assert run(["mock", "vllm", *PROFILE, "--port", "0", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"scalecert: {line}")
    assert err.count("\n") == 1


def test_a_server_that_does_not_start_leaves_ctrl_c_alone() -> None:
    """While it is imported Ctrl-C just ends the process; what had been set before comes back."""
    before = signal.getsignal(signal.SIGINT)
    assert run(["mock", "vllm", "--profile", "there-is-none"]) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_it_can_listen_elsewhere() -> None:
    """On another address, if told so, or on IPv6."""
    with mock_server("vllm", *PROFILE, "--host", "::1") as server:
        assert server.api.startswith("http://[::1]:")
        assert server.get("/health")[0] == 200


def test_nobody_has_to_read_what_it_prints() -> None:
    """`scalecert mock vllm | head -3`: it serves on, and ends well."""
    with mock_server("vllm", *PROFILE, "--startup-delay", "1s", ready=False) as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        while server.get("/health")[0] != 200:
            pass
        assert server.stop(signal.SIGTERM) == 0
