"""Serve google-jetstream's own orchestrator, its toy engine slowed down to times that can be seen.

    python real_server.py --port 9000 --metrics-port 9100 --slots 4
        [--prefill-seconds 0.1] [--step-seconds 0.1] [--dispatch waits|ahead]

Run by tools/golden_jetstream.py in the Python that has google-jetstream. The engine is
`jetstream.engine.mock_engine.TestEngine`; here is what takes time in place of the product of two
matrices of 4096 rows that it computes for that, a second or more on a CPU. Prefills and generate
steps take turns on one accelerator. `waits`: a call returns when its work is done, as the toy
engine's do on a CPU; `ahead`: it returns at once and its tokens are there when they are computed,
as JAX dispatches to accelerators.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
import time
from dataclasses import fields

import jax.numpy
from jetstream.core import config_lib, server_lib
from jetstream.engine import engine_api, mock_engine

WEIGHT = 2.0
BIG = 4096
CACHE_LENGTH = 128
"""Longest prompt; a bucket of its own, so that nothing is recompiled later."""


class SmallProducts:
    """`jax.numpy` for the toy engine, whose big matrices of ones are small here."""

    def __getattr__(self, name: str) -> object:
        return getattr(jax.numpy, name)

    def ones(self, shape: int | tuple[int, ...], **named: object) -> jax.Array:
        """Return ones, the big matrices' sides cut to two."""
        big = isinstance(shape, tuple) and min(shape) >= BIG
        return jax.numpy.ones((2, 2) if big else shape, **named)


class Accelerator:
    """Work in the order in which it was dispatched, one piece at a time, each of a known length."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    def dispatch(self, seconds: float) -> float:
        """Return when work of `seconds` that is dispatched now will be done."""
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + seconds
            return self._free_at


def wait_until(moment: float) -> None:
    """Return at a moment of the monotonic clock."""
    never = threading.Event()
    while (left := moment - time.monotonic()) > 0:
        never.wait(left)


class LateTokens(engine_api.ResultTokens):
    """Tokens that can be read from a moment on."""

    def __init__(self, tokens: engine_api.ResultTokens, ready: float) -> None:
        for field in fields(tokens):
            object.__setattr__(self, field.name, getattr(tokens, field.name))
        object.__setattr__(self, "ready", ready)

    def convert_to_numpy(self) -> engine_api.ResultTokens:
        """Wait for them, then do as the base class does."""
        wait_until(self.ready)
        return super().convert_to_numpy()


class SlowEngine(mock_engine.TestEngine):
    """The toy engine, each of whose calls takes its time on the accelerator."""

    def __init__(self, given: argparse.Namespace) -> None:
        super().__init__(batch_size=given.slots, cache_length=CACHE_LENGTH, weight=WEIGHT)
        self._given = given
        self._accelerator = Accelerator()

    def prefill(self, **arguments: object) -> object:
        """Compute a prompt; from 0.3 on its first token, too."""
        result = super().prefill(**arguments)
        ready = self._done(self._given.prefill_seconds)
        if isinstance(result, tuple):
            return result[0], LateTokens(result[1], ready), *result[2:]
        return result

    def generate(self, *arguments: object, **named: object) -> tuple[object, LateTokens]:
        """Compute a token of every slot."""
        state, tokens = super().generate(*arguments, **named)
        return state, LateTokens(tokens, self._done(self._given.step_seconds))

    def _done(self, seconds: float) -> float:
        ready = self._accelerator.dispatch(seconds)
        if self._given.dispatch == "waits":
            wait_until(ready)
        return ready


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description="google-jetstream with a slow toy engine")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--prefill-seconds", type=float, default=0.1)
    parser.add_argument("--step-seconds", type=float, default=0.1)
    parser.add_argument("--dispatch", choices=("waits", "ahead"), default="waits")
    return parser


def main() -> None:
    """Serve until a signal ends the process."""
    given = options().parse_args()
    logging.getLogger().setLevel(logging.INFO)
    mock_engine.jnp = SmallProducts()
    config = config_lib.InterleavedCPUTestServer
    config.interleaved_engine_create_fns = (lambda devices: SlowEngine(given),)  # noqa: ARG005
    server = server_lib.run(
        port=given.port,
        config=config,
        devices=server_lib.get_devices(),
        metrics_server_config=config_lib.MetricsServerConfig(port=given.metrics_port),
    )
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
