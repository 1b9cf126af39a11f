"""A JetStream mock as a process, and a client that grpcio-tools generated."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from jetstream_client import generated, refuses, wait_until
from mock_processes import LIMIT_SECONDS, MockServer, mock_server
from prometheus_client.parser import text_string_to_metric_families

from scalecert.clock import unix_seconds

MESSAGES, STUBS = generated()
PROFILE = ("--profile", "jetstream_llama-2-7b_v5e")
PORTS = ("--http-port", "0", "--sidecar-port", "0", "--metrics-port", "0")
SPEED = ("--speed", "20")
UNKNOWN = grpc.StatusCode.UNKNOWN


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    """Return a server with all its ports."""
    with mock_server("jetstream", *PROFILE, *PORTS, *SPEED) as running:
        yield running


@pytest.fixture
def stub(server: MockServer) -> Iterator[Any]:
    """Return a client of its gRPC port."""
    with client(server) as made:
        yield made


@contextmanager
def client(server: MockServer) -> Iterator[Any]:
    """Return a client of a server's gRPC port."""
    with grpc.insecure_channel(place(server, "gRPC")) as channel:
        yield STUBS.OrchestratorStub(channel)


def place(server: MockServer, service: str) -> str:
    """Return host and port of a service."""
    return server.addresses[service].partition("://")[2]


def text_request(text: str = "one two three", **more: Any) -> Any:
    """Return a request with a text as its prompt."""
    return MESSAGES.DecodeRequest(
        text_content=MESSAGES.DecodeRequest.TextContent(text=text), **more
    )


def samples(stub: Any, request: Any) -> list[tuple[str, list[int]]]:
    """Return text and ids of each message's one sample."""
    found = []
    for message in stub.Decode(request, timeout=LIMIT_SECONDS):
        (sample,) = message.stream_content.samples
        found.append((sample.text, list(sample.token_ids)))
    return found


def scraped(server: MockServer) -> dict[str, float]:
    """Return the values of the metrics port by sample name; buckets aside."""
    status, _, body = server.get("/", service="metrics")
    assert status == 200
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if "le" not in sample.labels
    }


def failure(call: Any) -> tuple[Any, str]:
    """Return status and details that a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    return caught.value.code(), caught.value.details()


def test_a_generated_client_streams_text(stub: Any) -> None:
    """One token more than asked for, one message a token, and an empty sample at the end."""
    *tokens, last = samples(stub, text_request(max_tokens=5))
    assert len(tokens) == 6
    assert last == ("", [])
    assert all(text.startswith(" ") and len(ids) == 1 for text, ids in tokens)
    assert samples(stub, text_request(max_tokens=5)) == [*tokens, last]


def test_a_client_that_tokenizes_gets_ids(stub: Any) -> None:
    """No text, whatever its ids are."""
    content = MESSAGES.DecodeRequest.TokenContent(token_ids=[-1, 0, 2**31 - 1])
    request = MESSAGES.DecodeRequest(token_content=content, max_tokens=1, has_bos=True)
    found = samples(stub, request)
    assert [text for text, _ in found] == ["", "", ""]
    assert [len(ids) for _, ids in found] == [1, 1, 0]


@pytest.mark.parametrize(("max_tokens", "tokens"), [(0, 1), (-7, 0)])
def test_lengths_that_are_over_before_they_begin(stub: Any, max_tokens: int, tokens: int) -> None:
    """No error: zero gets a token, a negative length two empty messages."""
    found = samples(stub, text_request(max_tokens=max_tokens))
    assert len(found) == 2
    assert sum(bool(ids) for _, ids in found) == tokens


def test_an_endless_answer_ends_by_itself(stub: Any) -> None:
    """With the end token's id and no text, after --answer-tokens."""
    found = samples(stub, text_request(max_tokens=2**31 - 1))
    assert len(found) == 129
    assert found[-1] == ("", [2])


def test_prompts_of_any_length_are_taken(server: MockServer, stub: Any) -> None:
    """None, and more than the longest: that one is cut, but observed as a whole."""
    name = "jetstream_request_input_length_sum"
    before = scraped(server).get(name, 0.0)
    assert len(samples(stub, text_request("", max_tokens=1))) == 3
    assert len(samples(stub, text_request(" word" * 3000, max_tokens=1))) == 3
    assert scraped(server)[name] == before + 1 + 3001


def test_the_server_is_live(stub: Any) -> None:
    """HealthCheck."""
    request = MESSAGES.HealthCheckRequest()
    assert stub.HealthCheck(request, timeout=LIMIT_SECONDS).is_live is True


def test_what_is_wrong_is_said_in_grpcs_words(server: MockServer, stub: Any) -> None:
    """Status and details of what the real server's grpcio makes of it."""
    no_content = stub.Decode(MESSAGES.DecodeRequest(max_tokens=3), timeout=LIMIT_SECONDS)
    assert failure(no_content) == (
        UNKNOWN,
        "Unexpected <class 'TypeError'>: attribute name must be string, not 'NoneType'",
    )
    code, details = failure(stub.Decode(text_request("a" * (5 << 20)), timeout=LIMIT_SECONDS))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    with grpc.insecure_channel(place(server, "gRPC")) as channel:
        decode = channel.unary_stream("/jetstream_proto.Orchestrator/Decode")
        code, details = failure(decode(b"\xff\xff", timeout=LIMIT_SECONDS))
        assert code == UNKNOWN
        assert "DecodeError" in details
        assert "'jetstream_proto.DecodeRequest'" in details
        other = channel.unary_stream("/jetstream_proto.Orchestrator/Other")
        assert failure(other(b"", timeout=LIMIT_SECONDS)) == (
            grpc.StatusCode.UNIMPLEMENTED,
            "Method not found!",
        )


def test_a_call_that_is_cancelled_is_served_to_its_end(server: MockServer, stub: Any) -> None:
    """And counted as all others: nobody looks at whether its client is there."""
    name = "jetstream_request_success_count_total"
    done = scraped(server).get(name, 0.0)
    call = stub.Decode(text_request(max_tokens=100), timeout=LIMIT_SECONDS)
    next(call)
    call.cancel()
    wait_until(lambda: scraped(server).get(name, 0.0) == done + 1)
    assert scraped(server)["jetstream_slots_used_percentage"] == pytest.approx(1 / 12)


def test_the_official_parser_reads_the_metrics(server: MockServer, stub: Any) -> None:
    """On any path; the wait is there of clients that say when they began, as HTTP's do."""
    samples(stub, text_request(max_tokens=2))
    body = b'{"max_tokens": 2, "text_content": {"text": "a"}}'
    assert server.post("/v1/generate", body, service="HTTP")[0] == 200
    found = scraped(server)
    assert found["jetstream_queue_duration_count"] >= 2
    assert found["jetstream_wait_time_per_request_count"] >= 1
    assert 0 <= found["jetstream_wait_time_per_request_sum"] < LIMIT_SECONDS
    assert found["jetstream_transfer_backlog_size"] == 0.0
    assert found["lora_request_info"] == pytest.approx(unix_seconds(), abs=LIMIT_SECONDS)
    assert server.get("/any/path", service="metrics")[0] == 200


def test_http_and_sidecar_are_in_front_of_the_same_engine(server: MockServer) -> None:
    """Their requests are in its metrics."""
    name = "jetstream_request_success_count_total"
    done = scraped(server).get(name, 0.0)
    status, body = server.post("/generate", b'{"max_tokens": 3}', service="sidecar")
    assert (status, b'"response"' in body) == (200, True)
    status, _, body = server.get("/v1/health", service="HTTP")
    assert (status, b'"True"' in body) == (200, True)
    assert scraped(server)[name] == done + 1


def test_nothing_listens_before_the_model_is_there_but_what_does() -> None:
    """The sidecar and the metrics are up at once, gRPC and the other entry point are not."""
    late = ("--startup-delay", "600s", "--faults-port", "0")
    with mock_server("jetstream", *PROFILE, *PORTS, *late, ready=False) as server:
        for service in ("gRPC", "HTTP"):
            assert refuses(place(server, service))
        assert server.get("/healthcheck", service="sidecar")[0] == 500
        assert {name.partition("_")[0] for name in scraped(server)} == {"process", "python"}
        body = b'{"loadingSeconds": 0}'
        assert server.get("/faults", service="faults", method="PUT", body=body)[0] == 200
        server.wait_for_line("ready")
        assert server.get("/healthcheck", service="sidecar")[0] == 200
        with client(server) as stub:
            assert len(samples(stub, text_request(max_tokens=1))) == 3


def test_sigterm_closes_the_sidecar_and_nothing_else() -> None:
    """The server goes on to take requests, and to show its metrics."""
    with mock_server("jetstream", *PROFILE, *PORTS, *SPEED) as server, client(server) as stub:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(place(server, "sidecar")))
        assert len(samples(stub, text_request(max_tokens=1))) == 3
        assert scraped(server)


def test_the_server_is_killed_at_the_end_of_the_grace_time() -> None:
    """As the kubelet does it, and so are the requests that run."""
    with (
        mock_server("jetstream", *PROFILE, *PORTS, "--grace", "2s") as server,
        client(server) as stub,
    ):
        call = stub.Decode(text_request(max_tokens=1000), timeout=LIMIT_SECONDS)
        next(call)
        server.process.send_signal(signal.SIGTERM)
        assert failure(call)[0] == grpc.StatusCode.UNAVAILABLE
        assert server.process.wait(LIMIT_SECONDS) == -signal.SIGKILL


def test_the_real_servers_words_are_read() -> None:
    """MaxText's arguments: the longest prompt, and the port of the metrics, which can be off."""
    with (
        mock_server(
            "jetstream",
            *("--profile", "jetstream_gemma-7b_v5e-x8", *PORTS, *SPEED),
            *("per_device_batch_size=1", "max_prefill_predict_length=16", "prometheus_port=0"),
        ) as server,
        client(server) as stub,
    ):
        assert "metrics" not in server.addresses
        assert len(samples(stub, text_request(" word" * 100, max_tokens=2))) == 4


def test_ports_can_be_left_away() -> None:
    """What is off does not listen; without gRPC its library is not even loaded."""
    with mock_server(
        "jetstream",
        *PROFILE,
        *SPEED,
        *("--no-grpc", "--http-port", "off", "--sidecar-port", "0", "--metrics-port", "off"),
    ) as server:
        assert set(server.addresses) == {"sidecar"}
        assert "cygrpc" not in Path(f"/proc/{server.pid}/maps").read_text()
        assert server.post("/generate", b"{}", service="sidecar")[0] == 200


def test_the_metrics_of_another_version() -> None:
    """What google-jetstream 0.2.2 has; versions that nobody has seen are refused."""
    arguments = (*PROFILE, *PORTS, "--no-grpc", "--metrics-version")
    with mock_server("jetstream", *arguments, "0.2.2") as server:
        assert {name for name in scraped(server) if name.startswith("jetstream")} == {
            "jetstream_prefill_backlog_size",
            "jetstream_slots_available_percentage",
        }
    words = (sys.executable, "-m", "scalecert", "mock", "jetstream", *arguments, "main")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'main', expected a version of JetStream" in done.stderr


def test_an_interrupt_ends_it_at_once() -> None:
    """Also with requests running, which end as those of a server that dies."""
    with mock_server("jetstream", *PROFILE, *PORTS) as server, client(server) as stub:
        calls = [stub.Decode(text_request(max_tokens=1000), timeout=LIMIT_SECONDS) for _ in "ab"]
        for call in calls:
            next(call)
        assert server.stop() == 0
        assert {failure(call)[0] for call in calls} == {grpc.StatusCode.UNAVAILABLE}
