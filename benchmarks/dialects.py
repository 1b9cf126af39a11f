"""How the mock servers are asked for streams: paths, bodies, and the ports that they have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

TOKENS = 200
PROMPT = " ".join(["word"] * 256)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a stream of an engine is asked for, and what stands once in each token's event."""

    target: str
    body: bytes
    mark: str
    port_flag: str = "--port"
    """Of the port on which that is."""
    health: str = "/health"
    """Path that tells whether the server is up."""
    health_flag: str = "--port"
    """Of the port on which that is."""
    metrics_flag: str = "--port"
    """Of the port on which the metrics are."""
    more_flags: tuple[str, ...] = ()
    """Of further ports on which it listens."""
    protocol: Literal["http", "grpc"] = "http"


encoded = msgspec.json.encode


def decode_request() -> bytes:
    """Return the message of JetStream's gRPC: `max_tokens` is its field 4, `text_content` 5."""
    text = PROMPT.encode()
    content = b"\x0a" + varint(len(text)) + text
    return b"\x20" + varint(TOKENS) + b"\x2a" + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first."""
    if number < 0x80:
        return bytes((number,))
    return bytes((number & 0x7F | 0x80,)) + varint(number >> 7)


DIALECTS = {
    "vllm": Dialect(
        "/v1/completions",
        encoded({"prompt": PROMPT, "max_tokens": TOKENS, "stream": True, "ignore_eos": True}),
        "data: {",
    ),
    "tgi": Dialect(
        "/generate_stream",
        encoded({"inputs": PROMPT, "parameters": {"max_new_tokens": TOKENS}}),
        "data: {",
    ),
    "jetstream": Dialect(
        "/v1/generate",
        encoded({"max_tokens": TOKENS, "text_content": {"text": PROMPT}}),
        '"samples"',
        port_flag="--http-port",
        health="/",
        health_flag="--http-port",
        metrics_flag="--metrics-port",
        more_flags=("--port", "--sidecar-port"),
    ),
}
GRPC = replace(
    DIALECTS["jetstream"],
    target="/jetstream_proto.Orchestrator/Decode",
    body=decode_request(),
    port_flag="--port",
    more_flags=("--sidecar-port",),
    protocol="grpc",
)
"""JetStream's other way, by which it costs so much more that it is measured by itself."""
