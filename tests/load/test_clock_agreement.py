"""Locust's clients at a mock server see what the simulator's see, time lapse or not.

The wall clock is other programs', too: a run in which the generator was late is made again, a few
times at most.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from load.children import LIMIT_SECONDS, children
from load.offers import write_routes
from mock_processes import mock_server

from scalecert import rng
from scalecert.clock import unix_seconds
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog, Status
from scalecert.load import Answers, Offer, Service, prepare
from scalecert.routing import routing_draws

REQUESTS, SECONDS = 40, 10.0
"""Of the run; the wall's are a time lapse fewer."""
LATE_SECONDS = 0.005
ATTEMPTS = 4

JETSTREAM_PORTS = ("--no-grpc", "--sidecar-port=off", "--metrics-port=off", "--http-port")
CASES = [
    ("vllm_llama-2-7b_l4", 5, ("--port",), "per-request"),
    ("tgi_llama-2-7b_l4", 5, ("--port",), "keep-alive"),
    ("jetstream_gemma-7b_v5e-x8", 5, JETSTREAM_PORTS, "per-request"),
]


def a_workload(name: str) -> Offer:
    """Return an offer in seconds of the run; every fourth answer comes in one piece."""
    random = rng.stream(1, "load agreement", name)
    return Offer(
        arrival_seconds=np.sort(random.uniform(0.0, SECONDS, REQUESTS)),
        input_tokens=random.integers(2, 400, REQUESTS, dtype=np.int32),
        output_tokens=random.integers(3, 40, REQUESTS, dtype=np.int32),
        streamed=np.arange(REQUESTS) % 4 != 0,
        draws=routing_draws(1, REQUESTS),
    )


def on_the_wall_clock(tmp_path: Path, offer: Offer, service: Service) -> Answers:
    """Return what Locust's clients saw."""
    with children(tmp_path) as processes:
        folder = tmp_path / "load"
        load = prepare(processes, folder, offer, service, limit_seconds=LIMIT_SECONDS)
        load.begin(unix_seconds() + 0.3)
        return load.collect(limit_seconds=LIMIT_SECONDS)


def on_the_virtual_clock(profile: str, offer: Offer, sent: np.ndarray) -> tuple:
    """Return when first and last tokens come to requests that are sent at such times."""
    loaded = load_profile(profile)
    kind = engine_kind(loaded.spec.engine)
    log = RequestLog.of_size(len(sent))
    limits = kind.limits(loaded, (), {})
    engine = kind.start(loaded, limits, log, ordinal=0, model_name="model", now=0.0)
    order = np.argsort(sent, kind="stable")
    engine.offer(
        order.tolist(),
        sent[order].tolist(),
        offer.input_tokens[order].tolist(),
        offer.output_tokens[order].tolist(),
    )
    engine.advance(1000.0)
    return np.array(log.first_token_seconds), np.array(log.last_token_seconds)


def judge(name: str, seen: np.ndarray, model: np.ndarray, time_lapse: int) -> None:
    """Hold every request's seconds to the model's: 5 % or 10 ms, one in twenty 10 % or 30 ms.

    The milliseconds are the wall's.
    """
    error = abs(seen - model)
    table = f"{name}: errors in ms {np.percentile(error * 1e3, [50, 95, 100]).round(1)}"
    assert np.median(error / np.maximum(0.05 * model, 0.010 * time_lapse)) <= 1.0, table
    assert np.percentile(error / np.maximum(0.10 * model, 0.030 * time_lapse), 95) <= 1.0, table


@pytest.mark.parametrize(("profile", "time_lapse", "ports", "connections"), CASES)
def test_both_clocks_agree(profile, time_lapse, ports, connections, tmp_path):
    """TTFT and end-to-end latency agree; every request is answered, stamped in order, and told."""
    engine, offer = profile.partition("_")[0], a_workload(profile)
    lapsed = Offer(offer.arrival_seconds / time_lapse, *offer.columns()[1:])
    routes = tmp_path / "routes.json"
    write_routes(routes, {5: "127.0.0.1"})
    client = engine_kind(engine).client((), {})
    speed = ("--speed", str(time_lapse))
    with mock_server(engine, "--profile", profile, *speed, *ports, "0", port=None) as server:
        port = int(server.addresses["HTTP" if engine == "jetstream" else "API"].rpartition(":")[2])
        service = Service(
            client=msgspec.structs.replace(client, port=port),
            routes=routes,
            connections=connections,
            time_lapse=time_lapse,
        )
        for attempt in range(ATTEMPTS):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            answers = on_the_wall_clock(folder, lapsed, service)
            late = answers.sent_seconds - answers.arrival_seconds
            if np.percentile(late, 95) <= LATE_SECONDS:
                break
        else:
            pytest.fail(f"the machine was late by {late.max():.3f} s, {ATTEMPTS} times")
    assert answers.status.tolist() == [Status.OK] * REQUESTS
    assert answers.replica.tolist() == [5] * REQUESTS
    assert answers.problems == ()
    streamed = answers.streamed == 1
    assert streamed.tolist() == offer.streamed.tolist()
    assert np.isnan(answers.first_token_seconds[~streamed]).all()
    assert (answers.first_token_seconds > answers.sent_seconds)[streamed].all()
    assert (answers.last_token_seconds > answers.first_token_seconds)[streamed].all()
    sent, first, last = (
        column * time_lapse
        for column in (
            answers.sent_seconds,
            answers.first_token_seconds,
            answers.last_token_seconds,
        )
    )
    model_first, model_last = on_the_virtual_clock(profile, offer, sent)
    judge("TTFT", (first - sent)[streamed], (model_first - sent)[streamed], time_lapse)
    judge("end to end", last - sent, model_last - sent, time_lapse)
