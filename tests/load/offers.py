"""Offers and routes for tests, and a client of servers that a test scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scalecert.engines.api_client import ApiClient, Call
from scalecert.load import Offer
from scalecert.routing import routing_draws

CALL = Call(
    path="/ask",
    before=b"",
    word=b"w",
    between=b" ",
    after=b"\n",
    piece_end=b"\n\n",
    token=b"token",
    refusals=(b"full",),
    unready=b"loading",
)
WHOLE = Call(path="/whole", before=b"", word=b"w", between=b" ", after=b"\n", token=b"token")


def client(port: int, **changes: object) -> ApiClient:
    """Return a client of the scripted server."""
    return ApiClient(port=port, **({"streamed": CALL, "whole": WHOLE} | changes))


def offer_of(
    arrival_seconds: Sequence[float],
    *,
    inputs: Sequence[int] | int = 3,
    outputs: Sequence[int] | int = 2,
    streamed: Sequence[bool] | bool = True,
) -> Offer:
    """Return an offer; one number stands for all requests."""
    count = len(arrival_seconds)
    return Offer(
        arrival_seconds=np.array(arrival_seconds, dtype=np.float64),
        input_tokens=np.broadcast_to(np.array(inputs, dtype=np.int32), count),
        output_tokens=np.broadcast_to(np.array(outputs, dtype=np.int32), count),
        streamed=np.broadcast_to(np.array(streamed, dtype=np.bool_), count),
        draws=routing_draws(1, count),
    )


def write_routes(path: Path, pods: Mapping[int, str]) -> None:
    """Replace the routes: addresses by ordinal."""
    document = {
        "pods": [
            {"ordinal": ordinal, "name": f"web-{ordinal}", "address": address, "ports": {"http": 1}}
            for ordinal, address in pods.items()
        ]
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document))
    fresh.replace(path)
