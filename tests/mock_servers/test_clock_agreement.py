"""One workload on both clocks: a mock server's clients see what the simulator's see.

The wall clock is other programs', too. The client therefore measures how late its own timers are,
and a run in which the machine was late is made again, a few times at most.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
from mock_processes import mock_server

from scalecert import rng
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog

REQUESTS = 40
SECONDS = 8.0
LATE_SECONDS = 0.005
"""The machine is late if one in twenty of the client's timers is later than that."""
ATTEMPTS = 4

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dialect:
    """How to ask a server for so many tokens, and what stands once in each token's event."""

    profile: str
    path: str
    mark: bytes
    own_input_tokens: int = 0
    """That the server adds to a prompt."""
    own_output_tokens: int = 0
    """That it generates beyond those asked for."""
    options: tuple[str, ...] = ()
    service: str = "API"

    def body(self, inputs: int, outputs: int) -> bytes:
        """Return the request for `inputs` and `outputs` tokens by the model's count."""
        ids = list(range(inputs - self.own_input_tokens))
        outputs -= self.own_output_tokens
        forms: dict[str, object] = {
            "/v1/completions": {
                "prompt": ids,
                "max_tokens": outputs,
                "stream": True,
                "ignore_eos": True,
            },
            "/generate_stream": {
                "inputs": " word" * inputs,
                "parameters": {"max_new_tokens": outputs},
            },
            "/v1/generate": {"max_tokens": outputs, "token_content": {"token_ids": ids}},
        }
        return json.dumps(forms[self.path]).encode()


DIALECTS = [
    Dialect("vllm_llama-2-7b_l4", "/v1/completions", b'"text":'),
    Dialect("tgi_llama-2-7b_l4", "/generate_stream", b'"token":'),
    Dialect(
        "jetstream_gemma-7b_v5e-x8",
        "/v1/generate",
        b'"tokenIds"',
        own_input_tokens=1,
        own_output_tokens=1,
        options=("--no-grpc", "--http-port=0", "--sidecar-port=off", "--metrics-port=off"),
        service="HTTP",
    ),
]


@dataclass
class Seen:
    """What the client saw of one request, in seconds of its clock."""

    sent: float
    first: float = float("nan")
    last: float = float("nan")
    tokens: int = 0


def a_workload(name: str) -> list[tuple[float, int, int]]:
    """Return arrival, input and output tokens of every request."""
    random = rng.stream(1, "clock agreement", name)
    arrivals = np.sort(random.uniform(0.0, SECONDS, REQUESTS))
    inputs = random.integers(2, 400, REQUESTS)
    outputs = random.integers(3, 40, REQUESTS)
    return [(float(at), int(i), int(o)) for at, i, o in zip(arrivals, inputs, outputs, strict=True)]


async def ask(api: str, dialect: Dialect, inputs: int, outputs: int) -> Seen:
    """Send one request on a connection of its own and read its answer."""
    place, body = urlsplit(api), dialect.body(inputs, outputs)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    loop = asyncio.get_running_loop()
    head = (
        f"POST {dialect.path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    seen = Seen(sent=loop.time())
    writer.write(head.encode() + body)
    while piece := await reader.read(65536):
        if count := piece.count(dialect.mark):
            seen.last = loop.time()
            seen.first = seen.last if not seen.tokens else seen.first
            seen.tokens += count
    writer.close()
    return seen


async def on_the_wall_clock(
    api: str, dialect: Dialect, workload: list[tuple[float, int, int]]
) -> tuple[list[Seen], float]:
    """Return what the client saw, and how late the later ones of its timers were."""
    loop = asyncio.get_running_loop()
    await ask(api, dialect, 10, 3)
    begin, late, tasks = loop.time() + 0.1, [], []
    for arrival, inputs, outputs in workload:
        await asyncio.sleep(begin + arrival - loop.time())
        late.append(loop.time() - begin - arrival)
        tasks.append(loop.create_task(ask(api, dialect, inputs, outputs)))
    seen = await asyncio.gather(*tasks)
    return seen, float(np.percentile(late, 95))


def on_the_virtual_clock(
    profile: str, seen: list[Seen], workload: list[tuple[float, int, int]]
) -> tuple[Values, Values]:
    """Return time to first token and to the last one, of requests sent when the client did."""
    loaded = load_profile(profile)
    kind = engine_kind(loaded.spec.engine)
    log = RequestLog.of_size(len(workload))
    engine = kind.start(
        loaded, kind.limits(loaded, (), {}), log, ordinal=0, model_name="model", now=0.0
    )
    arrivals = [one.sent - seen[0].sent for one in seen]
    order = sorted(range(len(seen)), key=arrivals.__getitem__)
    at = [arrivals[i] for i in order]
    engine.offer(order, at, [workload[i][1] for i in order], [workload[i][2] for i in order])
    engine.advance(1000.0)
    sent = np.array(arrivals)
    return np.array(log.first_token_seconds) - sent, np.array(log.last_token_seconds) - sent


def judge(name: str, seen: Values, model: Values) -> None:
    """Hold every request's seconds to the model's: 5 % or 10 ms, one in twenty 10 % or 30 ms."""
    error = abs(seen - model)
    table = f"{name}: errors in ms {np.percentile(error * 1e3, [50, 95, 100]).round(1)}"
    assert np.median(error / np.maximum(0.05 * model, 0.010)) <= 1.0, table
    assert np.percentile(error / np.maximum(0.10 * model, 0.030), 95) <= 1.0, table


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.profile)
def test_both_clocks_agree(dialect: Dialect) -> None:
    """TTFT and end-to-end latency agree, at the median and at the 95th percentile."""
    workload = a_workload(dialect.profile)
    engine = dialect.profile.partition("_")[0]
    with mock_server(engine, "--profile", dialect.profile, *dialect.options) as server:
        api = server.addresses[dialect.service]
        for _ in range(ATTEMPTS):
            seen, late = asyncio.run(on_the_wall_clock(api, dialect, workload))
            if late <= LATE_SECONDS:
                break
        else:
            pytest.fail(f"the machine was late by {late:.3f} s, {ATTEMPTS} times")
    assert [one.tokens for one in seen] == [outputs for _, _, outputs in workload]
    first, last = on_the_virtual_clock(dialect.profile, seen, workload)
    judge("TTFT", np.array([one.first - one.sent for one in seen]), first)
    judge("end to end", np.array([one.last - one.sent for one in seen]), last)
