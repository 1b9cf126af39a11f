"""What holds of any server that works through a queue, whatever its engine: INV-14 to INV-22.

Nothing here knows an engine: each is held to the laws by being registered. Servers are those of
shipped profiles, mostly ideal ones (`engines.servers`), so that the log tells when steps end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from engines.servers import (
    PADDED,
    PATIENT,
    USUAL,
    Load,
    Server,
    ideal,
    ideals,
    loads,
    mean,
    poisson,
    server,
    sojourns,
    steady,
    union_seconds,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.base import Activity
from scalecert.engines.costs import StepCosts
from scalecert.engines.registry import engine_names
from scalecert.engines.request_log import RequestLog, Status

ENGINES = engine_names()
ROUNDING = 1e-6
"""Seconds: each busy period may begin a nanosecond late, as ties are told apart by one."""
CUMULATIVE = ("busy_seconds", "steps", "computed_tokens", "context_read_tokens")
LOADS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0)
"""Shares of the saturated throughput."""

law = settings(max_examples=40, derandomize=True, deadline=None)
each_engine = pytest.mark.parametrize("engine", ENGINES)


@each_engine
@law
@given(data=st.data(), load=loads(), looks=st.lists(st.floats(0.0, 60.0), max_size=8))
def test_a_server_works_exactly_while_requests_are_in_it(engine, data, load: Load, looks) -> None:
    """INV-14: at any look it has been busy as long as there was a request in it."""
    under_test = data.draw(ideals(engine))
    _, log = under_test.served(load)
    observed, _ = under_test.offered(load)
    for look in [*sorted(looks), max(log.last_token_seconds) + 1.0]:
        observed.advance(look)
        busy = observed.activity().busy_seconds
        assert busy >= busy_until(look, load, log) - ROUNDING
        assert busy <= busy_until(look, load, log, under_test.lingering_seconds) + ROUNDING


def busy_until(look: float, load: Load, log: RequestLog, longer: float = 0.0) -> float:
    """Return the seconds up to `look` in which some request was there, or had just left."""
    stays = [
        (request[0], min(last + longer, look))
        for request, last in zip(load, log.last_token_seconds, strict=True)
    ]
    return union_seconds((begin, end) for begin, end in stays if begin < look)


@each_engine
@law
@given(data=st.data(), load=loads(), looks=st.lists(st.floats(0.0, 60.0), max_size=8))
def test_what_a_server_has_done_does_not_depend_on_who_looks(engine, data, load, looks) -> None:
    """INV-14: looks change neither the log nor the activity, not even in the last bit."""
    under_test = data.draw(st.sampled_from([data.draw(ideals(engine)), server(engine)]))
    end = 1e6
    whole, expected = under_test.offered(load)
    whole.advance(end)
    pieces, log = under_test.offered(load)
    for look in sorted(looks):
        pieces.advance(look)
        pieces.activity()
    pieces.advance(end)
    assert repr(log) == repr(expected)
    assert pieces.activity() == whole.activity()


@each_engine
@law
@given(data=st.data(), load=loads())
def test_requests_in_the_system_are_rate_times_time_in_system(engine, data, load: Load) -> None:
    """INV-15: Little's law, from empty to empty: both sides are the same area."""
    under_test = data.draw(ideals(engine))
    _, log = under_test.served(load)
    moments = sorted({0.0, *(request[0] for request in load), *log.last_token_seconds})
    engine_now, _ = under_test.offered(load)
    area = 0.0
    for begin, end in itertools.pairwise(moments):
        if end - begin > 1e-8:
            engine_now.advance((begin + end) / 2)
            area += engine_now.outstanding() * (end - begin)
    assert area == pytest.approx(math.fsum(sojourns(load, log)), rel=1e-9, abs=ROUNDING)
    engine_now.advance(moments[-1] + ROUNDING)
    assert engine_now.outstanding() == 0


@each_engine
@law
@given(data=st.data(), load=loads())
def test_requests_are_taken_in_the_order_of_their_arrival(engine, data, load: Load) -> None:
    """INV-16: nobody is scheduled, or has a first token, before those who came before."""
    under_test = data.draw(ideals(engine))
    _, log = under_test.served(load)
    assert log.status == [Status.OK] * len(load)
    for times in (log.scheduled_seconds, log.first_token_seconds):
        assert times == sorted(times)
    for request, scheduled, first, last in zip(
        load, log.scheduled_seconds, log.first_token_seconds, log.last_token_seconds, strict=True
    ):
        assert request[0] - ROUNDING <= scheduled < first <= last


@each_engine
@law
@given(data=st.data(), load=loads())
def test_a_server_never_holds_more_than_it_has(engine, data, load: Load) -> None:
    """INV-17: KV cache, slots and every gauge stay within their maximum, counters never fall."""
    under_test = data.draw(ideals(engine))
    infos = under_test.kind.metrics(under_test.profile.spec.engine_version)
    most = {name: info.maximum(under_test.limits) for name, info in infos.items() if info.maximum}
    counters = [name for name, info in infos.items() if info.kind == "counter"]
    assert most
    assert counters
    _, log = under_test.served(load)
    observed, _ = under_test.offered(load)
    counted: dict[tuple[str, str], float] = {}
    for look in sorted({*log.first_token_seconds, *log.last_token_seconds}):
        observed.advance(look)
        assert 0 <= observed.activity().held_tokens <= under_test.room_tokens
        for name, samples in observed.samples(tuple(most)).items():
            assert all(0 <= sample.value <= most[name] + 1e-9 for sample in samples), name
        for samples in observed.samples(counters).values():
            for sample in samples:
                key = (sample.name, repr(sorted(sample.labels.items())))
                assert sample.value >= counted.get(key, 0.0), sample
                counted[key] = sample.value


@each_engine
@law
@given(data=st.data(), load=loads())
def test_every_token_is_computed_and_nothing_is_kept(engine, data, load: Load) -> None:
    """INV-18: what went through the model is what came in and went out; the end is empty."""
    under_test = data.draw(ideals(engine))
    served, _ = under_test.served(load)
    done = served.activity()
    after_first = [(inputs, outputs - 1) for _, inputs, outputs in load]
    computed = sum(inputs + further for inputs, further in after_first)
    read = sum(further * inputs + further * (further - 1) // 2 for inputs, further in after_first)
    assert done.held_tokens == 0
    if engine in PADDED:
        assert done.computed_tokens >= computed
        assert done.context_read_tokens >= read
    else:
        assert done.computed_tokens == computed
        assert done.context_read_tokens <= read


@each_engine
@law
@given(data=st.data(), load=loads())
def test_no_step_is_cheaper_than_its_work(engine, data, load: Load) -> None:
    """INV-19: each step streams the weights, computes its tokens and reads its context."""
    under_test = data.draw(ideals(engine))
    observed, log = under_test.served(load)
    done = observed.activity()
    assert done.busy_seconds >= least_seconds(under_test.costs, done)
    observed, _ = under_test.offered(load)
    before = observed.activity()
    for look in sorted(log.last_token_seconds):
        observed.advance(look)
        done = observed.activity()
        assert all(getattr(done, name) >= getattr(before, name) for name in CUMULATIVE)
        assert done.busy_seconds <= look + ROUNDING
        before = done


def least_seconds(costs: StepCosts, done: Activity) -> float:
    """Return the seconds below which no schedule does what has been done.

    The blend of two sums is never more than the sum of the blends (Minkowski's inequality).
    """
    streaming = done.steps * costs.weights_seconds
    computing = done.computed_tokens * costs.token_seconds
    bounds = (streaming**costs.blend + computing**costs.blend) ** (1 / costs.blend)
    return (
        bounds
        + done.steps * costs.overhead_seconds
        + done.context_read_tokens * costs.context_seconds
    )


@each_engine
def test_throughput_follows_the_load_up_to_saturation_and_stays_there(engine) -> None:
    """INV-19: below saturation all that comes is served, above it what could be at once."""
    under_test, count = ideal(engine, PATIENT.get(engine, USUAL)), 400
    saturated = throughput(under_test, steady(count, 1e9))
    alone = sojourns(steady(1, 1.0), under_test.served(steady(1, 1.0))[1])[0]
    served = {share: throughput(under_test, steady(count, share * saturated)) for share in LOADS}
    assert list(served.values()) == pytest.approx(sorted(served.values()), rel=0.02)
    # Equal requests that all come at once go in waves, which waste a little.
    assert saturated == pytest.approx(max(served.values()), rel=0.06)
    assert served[LOADS[-1]] >= 0.97 * max(served.values())
    for share in (share for share in LOADS if share <= 0.5):
        seconds = count / (share * saturated)
        assert count / served[share] <= seconds + 3 * alone


def throughput(under_test: Server, load: Load) -> float:
    """Return the requests per second from the first arrival to the last token."""
    _, log = under_test.served(load)
    assert log.status == [Status.OK] * len(load)
    return len(load) / max(log.last_token_seconds)


@each_engine
@law
@given(data=st.data(), load=loads())
def test_nobody_is_served_faster_than_alone(engine, data, load: Load) -> None:
    """INV-20: company never helps, neither to the first token nor to the last."""
    under_test = data.draw(ideals(engine))
    _, log = under_test.served(load)
    for index, (arrival, inputs, outputs) in enumerate(load):
        _, alone = under_test.served([(arrival, inputs, outputs)])
        assert log.first_token_seconds[index] >= alone.first_token_seconds[0] - ROUNDING
        assert log.last_token_seconds[index] >= alone.last_token_seconds[0] - ROUNDING


@each_engine
@pytest.mark.parametrize("start", [ideal, server])
def test_in_light_load_everyone_is_alone(engine, start) -> None:
    """INV-20: whoever finds the server empty takes as long as the first that ever came."""
    under_test = start(engine)
    _, log = under_test.served(steady(1, 1.0))
    alone = log.last_token_seconds[0]
    load = steady(20, 0.1 / alone)
    _, log = under_test.served(load)
    assert sojourns(load, log)[1:] == pytest.approx([alone] * 19, rel=1e-6)


@each_engine
def test_waiting_grows_with_the_load(engine) -> None:
    """INV-21: of the same requests closer together each is longer in the system, on average."""
    under_test = ideal(engine, PATIENT.get(engine, USUAL))
    saturated = throughput(under_test, steady(300, 1e9))
    stays, waits = [], []
    for share in LOADS:
        load = poisson(400, share * saturated)
        _, log = under_test.served(load)
        stays.append(mean(sojourns(load, log)))
        scheduled = zip(log.scheduled_seconds, load, strict=True)
        waits.append(mean([seconds - request[0] for seconds, request in scheduled]))
    assert stays == sorted(stays)
    assert waits == sorted(waits)
    assert waits[-1] > 10 * waits[0]


@each_engine
@law
@given(data=st.data(), load=loads(), factor=st.sampled_from([0.5, 2.0, 4.0]))
def test_a_clock_that_runs_slower_changes_nothing_else(engine, data, load, factor) -> None:
    """INV-22: where every cost and arrival takes twice as long, so does everything else."""
    under_test = data.draw(st.sampled_from([data.draw(ideals(engine)), server(engine)]))
    scaled = under_test.costing(under_test.costs.scaled(prefill=factor, decode=factor))
    engine_now, log = under_test.served(load)
    slower, log_slower = scaled.served([(arrival * factor, *sizes) for arrival, *sizes in load])
    assert_same_times(log_slower, log, lambda seconds: seconds * factor)
    assert slower.activity().steps == engine_now.activity().steps
    assert slower.activity().computed_tokens == engine_now.activity().computed_tokens


@each_engine
@law
@given(data=st.data(), load=loads(), shift=st.sampled_from([0.25, 16.0, 1024.0]))
def test_a_day_that_begins_later_changes_nothing_else(engine, data, load, shift) -> None:
    """INV-22: a server and a load that begin later end later by as much."""
    under_test = data.draw(st.sampled_from([data.draw(ideals(engine)), server(engine)]))
    _, log = under_test.served(load)
    _, later = under_test.served([(arrival + shift, *sizes) for arrival, *sizes in load], shift)
    assert_same_times(later, log, lambda seconds: seconds + shift)


def assert_same_times(log: RequestLog, other: RequestLog, map_: Callable[[float], float]) -> None:
    """Assert that the times of a log are those of another one, mapped."""
    assert log.status == other.status
    for times in ("first_token_seconds", "last_token_seconds", "scheduled_seconds"):
        expected = list(map(map_, getattr(other, times)))
        assert getattr(log, times) == pytest.approx(expected, rel=1e-9, abs=ROUNDING), times
