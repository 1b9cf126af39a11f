"""Servers of every engine for tests that know none of them: started through `EngineKind` alone.

An ideal server takes requests and delivers tokens in no time, so that the times in the log are
those of its steps; what is left is its scheduler and its step costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from scalecert.engines.base import Engine, EngineKind, Limits
from scalecert.engines.costs import StepCosts
from scalecert.engines.profiles import EngineProfile, load_profile, profile_names
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog
from scalecert.rng import stream

Load = list[tuple[float, int, int]]
"""Arrival in seconds, input and output tokens of each request; by arrival."""


class Mode(NamedTuple):
    """Words of a command line and variables, by which a server schedules in some way."""

    words: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


USUAL = Mode()
MODES = {
    "jetstream": (
        USUAL,
        Mode(
            (
                "--batch-size=3",
                "--max-input-length=512",
                "--max-output-length=128",
                "--quantize-weights",
            )
        ),
    ),
    "tgi": (
        USUAL,
        Mode(("--max-batch-prefill-tokens=400",)),
        Mode(variables=(("PREFILL_CHUNKING", "0"),)),
        Mode(
            ("--max-batch-prefill-tokens=300", "--cuda-memory-fraction=0.67"),
            (("ATTENTION", "flashdecoding"),),
        ),
    ),
    "vllm": (
        USUAL,
        Mode(("--no-async-scheduling",)),
        Mode(("--max-num-seqs=3", "--max-num-batched-tokens=64")),
        Mode(("--num-gpu-blocks-override=28", "--max-model-len=auto")),
    ),
}
"""Where an engine schedules in another way, or runs out of something soon."""
PATIENT = {"tgi": Mode(("--max-concurrent-requests=4096",))}
"""Where an engine lets requests wait that it would refuse."""
PADDED = frozenset({"jetstream"})
"""Engines that compute on more than their requests: prompts and batches of fixed lengths."""
UNAWARE = frozenset({"jetstream"})
"""Engines that serve a request to its end whether or not its client is still there."""
LINGERING = {"jetstream": "max_concurrent_decodes"}
"""Engines that compute a step for a request whose last token is out; of so many requests."""

_ENDPOINT_COSTS = (
    "arrival_seconds", "arrival_request_seconds", "delivery_seconds", "delivery_request_seconds",
    "start_seconds", "start_floor_seconds",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Server:
    """What starts one server: an engine, its profile and its limits."""

    kind: EngineKind
    profile: EngineProfile
    limits: Limits

    def __repr__(self) -> str:
        return f"{self.profile.name} with {dict(self.limits.values)}"

    @property
    def room_tokens(self) -> int:
        """Tokens that the KV cache holds."""
        return self.limits.integer("kv_tokens")

    @property
    def lingering_seconds(self) -> float:
        """Longest step that is computed for a request after its last token."""
        if self.kind.name not in LINGERING:
            return 0.0
        batch = self.limits.integer(LINGERING[self.kind.name])
        return self.costs.decode_seconds(batch, self.room_tokens)

    @property
    def costs(self) -> StepCosts:
        """Of its steps."""
        return self.profile.spec.costs

    def costing(self, costs: StepCosts) -> Server:
        """Return the same server with other step costs."""
        spec = msgspec.structs.replace(self.profile.spec, costs=costs)
        return Server(self.kind, msgspec.structs.replace(self.profile, spec=spec), self.limits)

    def start(self, log: RequestLog, now: float = 0.0) -> Engine:
        """Return a started, idle server process."""
        return self.kind.start(
            self.profile, self.limits, log, ordinal=0, model_name="model", now=now
        )

    def offered(self, load: Load, now: float = 0.0) -> tuple[Engine, RequestLog]:
        """Return a server started at `now` to which the whole load has been offered."""
        log = RequestLog.of_size(len(load))
        engine = self.start(log, now)
        engine.offer(range(len(load)), *map(list, zip(*load, strict=True)))
        return engine, log

    def served(self, load: Load, now: float = 0.0) -> tuple[Engine, RequestLog]:
        """Return a server that has served the whole load."""
        engine, log = self.offered(load, now)
        engine.advance(math.inf)
        return engine, log


def profile_of(kind: EngineKind) -> str:
    """Return the shipped profile of an engine with the smallest model on what costs least."""
    profiles = map(load_profile, profile_names())
    own = [profile for profile in profiles if profile.spec.engine == kind.name]
    return min(own, key=_size).name


def _size(profile: EngineProfile) -> tuple[float, int, str]:
    return profile.spec.price.per_hour, profile.spec.memory.weights_bytes, profile.name


@cache
def server(engine: str, mode: Mode = USUAL) -> Server:
    """Return the server of an engine's cheapest profile."""
    kind = engine_kind(engine)
    profile = load_profile(profile_of(kind))
    return Server(kind, profile, kind.limits(profile, mode.words, dict(mode.variables)))


@cache
def ideal(engine: str, mode: Mode = USUAL) -> Server:
    """Return the same whose endpoints take no time, and whose steps cost the same after a rest."""
    real = server(engine, mode)
    return real.costing(msgspec.structs.replace(real.costs, **dict.fromkeys(_ENDPOINT_COSTS, 0.0)))


def ideals(engine: str) -> st.SearchStrategy[Server]:
    """Draw an ideal server in one of the engine's modes."""
    return st.sampled_from([ideal(engine, mode) for mode in MODES.get(engine, (USUAL,))])


@st.composite
def loads(draw: st.DrawFn) -> Load:
    """Draw requests that come together, one after the other, and after everything has ended."""
    load: Load = []
    clock = 0.0
    for _ in range(draw(st.integers(1, 30))):
        clock += draw(st.sampled_from([0.0, 0.0, 0.1, 1.0, 100.0])) * draw(st.floats(0.1, 1.5))
        inputs = draw(st.one_of(st.integers(1, 300), st.sampled_from([1, 64, 199, 300])))
        outputs = draw(st.one_of(st.integers(1, 80), st.sampled_from([1, 2, 80])))
        load.append((clock, inputs, outputs))
    return load


def steady(count: int, per_second: float, tokens: tuple[int, int] = (256, 128)) -> Load:
    """Return equal requests at equal distances."""
    return [(index / per_second, *tokens) for index in range(count)]


def poisson(count: int, per_second: float, tokens: tuple[int, int] = (256, 128)) -> Load:
    """Return equal requests of a Poisson process; of another rate the same, closer together."""
    gaps = stream(1, "first principles").exponential(size=count) / per_second
    return [(float(arrival), *tokens) for arrival in gaps.cumsum()]


def union_seconds(intervals: Iterable[tuple[float, float]]) -> float:
    """Return the length of what intervals, sorted by their begin, cover."""
    covered, reached = 0.0, -math.inf
    for begin, end in intervals:
        covered += max(end - max(begin, reached), 0.0)
        reached = max(reached, end)
    return covered


def sojourns(load: Load, log: RequestLog) -> list[float]:
    """Return each request's time in system."""
    return [last - request[0] for last, request in zip(log.last_token_seconds, load, strict=True)]


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return math.fsum(values) / len(values)
