"""The engine on a clock: what clients see is what the model says, when it says so."""

from __future__ import annotations

import asyncio
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import run_in_virtual_time

from mock_servers.serving.pacing import FORGET_AFTER, Pacer
from mock_servers.serving.streams import Stream
from scalecert.engines.base import Engine
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog, Status

PROFILES = ("vllm_llama-2-7b_l4", "tgi_llama-2-7b_l4", "jetstream_gemma-7b_v5e-x8")
TIMER_SECONDS = 0.001
"""What the loop's timers count in: nothing may be later than that by the wall clock."""

EVERY_ENGINE = pytest.mark.parametrize("profile", PROFILES)


def an_engine(profile: str, log: RequestLog) -> Engine:
    loaded = load_profile(profile)
    kind = engine_kind(loaded.spec.engine)
    limits = kind.limits(loaded, (), {})
    return kind.start(loaded, limits, log, ordinal=0, model_name="model", now=0.0)


def a_pacer(profile: str, speed: float = 1.0) -> Pacer:
    """Return a pacer on the clock of the loop that runs."""
    log = RequestLog.of_size(4)
    behind = load_profile(profile).spec.costs.delivery_seconds
    clock = asyncio.get_running_loop().time
    return Pacer(an_engine(profile, log), log, behind_seconds=behind, speed=speed, clock=clock)


async def times_of(stream: Stream) -> list[float]:
    """Return when each token of a stream came, by the loop's clock."""
    loop, times = asyncio.get_running_loop(), []
    async for tokens in stream.counts():
        times += [loop.time()] * (tokens - len(times))
    return times


def by_the_model(profile: str, requests: list[tuple[float, int, int]]) -> list[tuple[float, float]]:
    """Return first and last token times of requests (arrival, input, output) in virtual time."""
    log = RequestLog.of_size(len(requests))
    engine = an_engine(profile, log)
    arrivals, inputs, outputs = zip(*requests, strict=True)
    engine.offer(range(len(requests)), arrivals, inputs, outputs)
    engine.advance(100_000.0)
    return list(zip(log.first_token_seconds, log.last_token_seconds, strict=True))


REQUESTS = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.integers(1, 600), st.integers(2, 30)),
    min_size=1,
    max_size=12,
)


@EVERY_ENGINE
@settings(max_examples=25, deadline=None, derandomize=True)
@given(requests=REQUESTS, speed=st.sampled_from([1.0, 4.0, 25.0]))
def test_tokens_come_when_the_model_says(
    profile: str, requests: list[tuple[float, int, int]], speed: float
) -> None:
    """First and last tokens come within a timer's tick of the virtual clock's, at any speed."""
    requests.sort()

    async def served() -> list[list[float]]:
        pacer, loop = a_pacer(profile, speed), asyncio.get_running_loop()
        start, tasks = pacer.now(), []
        for arrival, inputs, outputs in requests:
            await asyncio.sleep((arrival + start - pacer.now()) / speed)
            sent.append(pacer.now())
            (stream,) = pacer.submit([(inputs, outputs)])
            tasks.append(loop.create_task(times_of(stream)))
        return await asyncio.gather(*tasks)

    sent: list[float] = []
    seen = run_in_virtual_time(served())
    behind = load_profile(profile).spec.costs.delivery_seconds
    asked = [(at, *sizes) for at, (_, *sizes) in zip(sent, requests, strict=True)]
    costs = load_profile(profile).spec.costs
    spread = costs.delivery_request_seconds * len(requests)
    for times, (first, last), (_, _, outputs) in zip(
        seen, by_the_model(profile, asked), requests, strict=True
    ):
        assert len(times) == outputs
        in_model = [behind + at * speed for at in (times[0], times[-1])]
        late = 2 * TIMER_SECONDS * speed + spread
        assert in_model[0] == pytest.approx(first, abs=late)
        assert in_model[1] == pytest.approx(last, abs=late)


@EVERY_ENGINE
def test_an_idle_server_has_no_timer(profile: str) -> None:
    """Nothing is left to wait for before the first request and after the last."""

    async def served() -> None:
        pacer, loop = a_pacer(profile), asyncio.get_running_loop()
        assert not loop._scheduled
        (stream,) = pacer.submit([(100, 5)])
        assert await stream.ended() is Status.OK
        await asyncio.sleep(1.0)
        pacer.samples(["any"])
        assert not loop._scheduled

    run_in_virtual_time(served())


@EVERY_ENGINE
def test_a_client_that_leaves_sees_nothing_any_more(profile: str) -> None:
    """Its stream ends as ABORTED; the others get all of theirs, and the server is empty then."""

    async def served() -> None:
        pacer = a_pacer(profile)
        gone, stays = pacer.submit([(100, 50), (100, 50)])
        async for tokens in gone.counts():
            if tokens == 10:
                pacer.cancel(gone)
        assert gone.status is Status.ABORTED
        assert gone.tokens == 10
        assert await stays.ended() is Status.OK
        assert stays.tokens == 50
        assert pacer.outstanding() == 0

    run_in_virtual_time(served())


def test_who_leaves_after_the_end_takes_nobody_along() -> None:
    """A client slower than its answer may close its connection when its id is another's."""

    async def served() -> None:
        pacer = a_pacer(PROFILES[0])
        (slow,) = pacer.submit([(10, 1)])
        assert await slow.ended() is Status.OK
        (other,) = pacer.submit([(10, 1)])
        while other.ident != slow.ident:
            assert await other.ended() is Status.OK
            (other,) = pacer.submit([(10, 1)])
        pacer.cancel(slow)
        assert slow.status is Status.OK
        assert await other.ended() is Status.OK

    run_in_virtual_time(served())


@EVERY_ENGINE
def test_time_can_stand_still_and_go_on(profile: str) -> None:
    """While the speed is 0 no token comes; afterwards they come as if nothing had been."""

    async def served() -> None:
        pacer, loop = a_pacer(profile), asyncio.get_running_loop()
        (stream,) = pacer.submit([(100, 100)])
        times = loop.create_task(times_of(stream))
        await asyncio.sleep(0.5)
        pacer.set_speed(0.0)
        before = stream.tokens
        await asyncio.sleep(100.0)
        assert stream.tokens == before
        pacer.set_speed(1.0)
        seen = await times
        first, last = by_the_model(profile, [(stream.arrival_seconds, 100, 100)])[0]
        assert seen[-1] - seen[0] == pytest.approx(last - first + 100.0, abs=0.01)

    run_in_virtual_time(served())


@EVERY_ENGINE
def test_a_server_that_lives_long_stays_small(profile: str) -> None:
    """Places in the log are used again, and the counters go on."""

    async def served() -> None:
        pacer = a_pacer(profile, speed=1000.0)
        count = 3 * FORGET_AFTER + 7
        for _ in range(count):
            (stream,) = pacer.submit([(10, 2)])
            assert await stream.ended() is Status.OK
        assert len(pacer._log.status) <= 2 * FORGET_AFTER + 4

    run_in_virtual_time(served())


@EVERY_ENGINE
def test_killing_the_server_ends_all_streams(profile: str) -> None:
    """Whoever waits learns that nothing more comes, and no timer is left."""

    async def served() -> None:
        pacer = a_pacer(profile)
        streams = pacer.submit([(100, 50)] * 8)
        await asyncio.sleep(0.3)
        pacer.abort()
        assert {await stream.ended() for stream in streams} == {Status.ABORTED}
        assert pacer._timer_seconds == inf

    run_in_virtual_time(served())
