"""What a server on the wall clock asks of any engine: tokens as they come, clients that go away.

Nothing here knows an engine: each is held to INV-23 to INV-26 by being registered.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import pytest
from engines.live_runs import Departure, follow, walk
from engines.servers import (
    UNAWARE,
    Load,
    Server,
    ideals,
    loads,
    server,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.base import Engine
from scalecert.engines.registry import engine_names
from scalecert.engines.request_log import RequestLog, Status

TIE = 1e-8
"""Seconds in which nothing happens; a few ties."""
ENGINES = engine_names()
GROWING = ("busy_seconds", "steps", "computed_tokens", "context_read_tokens")

law = settings(max_examples=25, derandomize=True, deadline=None)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def outputs_of(load: Load) -> dict[int, int]:
    """Return the tokens that each request asks for, by id."""
    return {ident: outputs for ident, (_, _, outputs) in enumerate(load)}


def servers(engine: str) -> st.SearchStrategy[Server]:
    """Draw an ideal server, or the one of a shipped profile as it is."""
    return st.one_of(ideals(engine), st.just(server(engine)))


@st.composite
def departures(draw: st.DrawFn, under_test: Server, load: Load) -> list[Departure]:
    """Draw who leaves when: at any time, and on the ends of steps."""
    _, log = under_test.served(load)
    known = [*log.first_token_seconds, *log.last_token_seconds]
    times = st.one_of(
        st.floats(0.0, 1.0).map(lambda share: share * max(known)), st.sampled_from(known)
    )
    drawn = draw(st.lists(st.tuples(times, st.integers(0, len(load) - 1)), min_size=1, max_size=20))
    return sorted(drawn)


@each_engine
@law
@given(data=st.data(), load=loads())
def test_every_token_can_be_seen_when_it_is_made(engine, data, load: Load) -> None:
    """INV-23: going from event to event shows each token once, at its time, and then the end."""
    under_test = data.draw(servers(engine))
    _, expected = under_test.served(load)
    observed, log = under_test.offered(load)
    seen = follow(observed, log, outputs_of(load))
    assert repr(log) == repr(expected)
    delivery = under_test.costs.delivery_seconds
    for ident, (_, _, outputs) in enumerate(load):
        assert len(seen[ident]) == outputs
        assert log.first_token_seconds[ident] >= seen[ident][0] + delivery - TIE
        if outputs > 1:
            assert log.last_token_seconds[ident] >= seen[ident][-1] + delivery - TIE
    assert observed.progress() == {}
    assert observed.outstanding() == 0


@each_engine
@law
@given(data=st.data(), load=loads())
def test_an_ideal_servers_tokens_are_seen_at_the_times_of_the_log(engine, data, load) -> None:
    """INV-23: where delivery takes no time, first and last token are seen when they are logged."""
    under_test = data.draw(ideals(engine))
    observed, log = under_test.offered(load)
    seen = follow(observed, log, outputs_of(load))
    for ident, (_, _, outputs) in enumerate(load):
        assert seen[ident][0] == pytest.approx(log.first_token_seconds[ident], rel=1e-9)
        if outputs > 1:
            assert seen[ident][-1] == pytest.approx(log.last_token_seconds[ident], rel=1e-9)


def leave(engine: Engine, departing: Iterable[Departure], looks: Iterable[float] = ()) -> None:
    """Run an engine to the end, clients leaving on the way."""
    stops = sorted([*departing, *((look, -1) for look in looks)])
    for at, together in itertools.groupby(stops, key=lambda stop: stop[0]):
        engine.advance(max(at, engine.now))
        engine.cancel([ident for _, ident in together if ident >= 0])
    engine.advance(math.inf)


@each_engine
@law
@given(data=st.data(), load=loads())
def test_whoever_leaves_is_gone_and_all_others_are_served(engine, data, load: Load) -> None:
    """INV-24: every request ends, ABORTED only if its client went away; nothing is left of any."""
    under_test = data.draw(servers(engine))
    departing = data.draw(departures(under_test, load))
    observed, log = under_test.offered(load)
    leave(observed, departing)
    left = {ident for _, ident in departing}
    for ident, status in enumerate(log.status):
        assert status in ({Status.OK, Status.ABORTED} if ident in left else {Status.OK})
    assert_empty(observed, under_test)
    assert_serves_as_new(observed, log, under_test)


def assert_empty(engine: Engine, under_test: Server) -> None:
    """Assert that no request is left in the server."""
    assert engine.outstanding() == 0
    assert engine.progress() == {}
    assert engine.next_event_seconds() == engine.next_finish_seconds() == math.inf
    assert engine.activity().held_tokens == 0
    infos = under_test.kind.metrics(under_test.profile.spec.engine_version)
    gauges = [name for name, one in infos.items() if one.kind == "gauge" and one.unit != "seconds"]
    served, _ = under_test.served([(0.0, 5, 2)])
    expected = shown(served, gauges)
    assert all(samples == expected[name] for name, samples in shown(engine, gauges).items())


def assert_serves_as_new(engine: Engine, log: RequestLog, under_test: Server) -> None:
    """Assert that the server takes as long for further requests as one that is started then."""
    begin, first = 1e4, len(log.status)
    load = [(begin, 200, 20), (begin, 10, 5), (begin + 0.3, 50, 30)]
    log.grow(len(load))
    ids = range(first, first + len(load))
    engine.advance(begin - 1.0)
    engine.offer(ids, *map(list, zip(*load, strict=True)))
    engine.advance(math.inf)
    _, expected = under_test.served(load, begin - 1.0)
    for times in ("first_token_seconds", "last_token_seconds"):
        assert getattr(log, times)[first:] == pytest.approx(getattr(expected, times), abs=1e-6)
    assert log.status[first:] == expected.status


def shown(engine: Engine, names: Iterable[str]) -> dict[str, list[tuple[str, float]]]:
    """Return what the metrics show."""
    return {
        name: [(repr(sorted(one.labels.items())) + one.name, one.value) for one in samples]
        for name, samples in engine.samples(list(names)).items()
        if samples
    }


@each_engine
@law
@given(data=st.data(), load=loads(), looks=st.lists(st.floats(0.0, 60.0), max_size=8))
def test_looking_changes_nothing_for_those_who_stay(engine, data, load: Load, looks) -> None:
    """INV-24: the same requests leave at the same times, however often somebody looks."""
    under_test = data.draw(servers(engine))
    departing = data.draw(departures(under_test, load))
    once, expected = under_test.offered(load)
    leave(once, departing)
    often, log = under_test.offered(load)
    leave(often, departing, looks)
    assert repr(log) == repr(expected)
    assert often.activity() == once.activity()


@each_engine
@law
@given(data=st.data(), load=loads())
def test_nothing_is_over_committed_or_counted_back_while_clients_leave(engine, data, load) -> None:
    """INV-24: at every event gauges are within their maximum, and no counter falls."""
    under_test = data.draw(servers(engine))
    departing = data.draw(departures(under_test, load))
    infos = under_test.kind.metrics(under_test.profile.spec.engine_version)
    most = {name: info.maximum(under_test.limits) for name, info in infos.items() if info.maximum}
    counting = [name for name, info in infos.items() if info.kind == "counter"]
    observed, _ = under_test.offered(load)
    counted: dict[str, float] = {}
    done = observed.activity()
    for _ in walk(observed, departing):
        before, done = done, observed.activity()
        assert all(getattr(done, name) >= getattr(before, name) for name in GROWING)
        assert 0 <= done.held_tokens <= under_test.room_tokens
        for name, samples in observed.samples(tuple(most)).items():
            assert all(0 <= sample.value <= most[name] + 1e-9 for sample in samples), name
        now = {key: value for each in shown(observed, counting).values() for key, value in each}
        assert all(now[key] >= value for key, value in counted.items())
        counted = now


@each_engine
@law
@given(data=st.data(), load=loads())
def test_whoever_leaves_gets_one_more_token_at_most(engine, data, load: Load) -> None:
    """INV-25: the step in flight may make a token of it; where the server takes no notice, all."""
    under_test = data.draw(servers(engine))
    departing = data.draw(departures(under_test, load))
    observed, log = under_test.offered(load)
    had: dict[int, int] = {}
    for leaving in walk(observed, departing):
        now = observed.progress()
        if engine not in UNAWARE:
            assert all(now.get(ident, 0) <= tokens + 1 for ident, tokens in had.items())
        had |= {ident: now.get(ident, 0) for ident in leaving - had.keys()}
    if engine in UNAWARE:
        _, expected = under_test.served(load)
        assert repr(log.last_token_seconds) == repr(expected.last_token_seconds)


@each_engine
@law
@given(data=st.data(), count=st.integers(2, 12))
def test_departures_make_nobody_who_decodes_later(engine, data, count: int) -> None:
    """INV-25: once all have their first token, who stays finishes no later for others leaving."""
    under_test = data.draw(ideals(engine))
    load = [(0.0, 8, data.draw(st.integers(30, 60))) for _ in range(count)]
    _, expected = under_test.served(load)
    start = max(expected.first_token_seconds)
    if start >= min(expected.last_token_seconds):
        return
    at = start + data.draw(st.floats(0.0, 1.0)) * (max(expected.last_token_seconds) - start)
    leaving = data.draw(st.sets(st.integers(0, count - 1)))
    observed, log = under_test.offered(load)
    leave(observed, [(at, ident) for ident in leaving])
    for ident in set(range(count)) - leaving:
        assert log.last_token_seconds[ident] <= expected.last_token_seconds[ident] + TIE


@each_engine
@law
@given(data=st.data(), load=loads(), shares=st.lists(st.floats(0.0, 1.1), min_size=1, max_size=8))
def test_what_is_forgotten_was_counted(engine, data, load: Load, shares) -> None:
    """INV-26: forgetting what finished changes no metric, then or later, whatever leaves."""
    under_test = data.draw(servers(engine))
    departing = data.draw(departures(under_test, load))
    names = list(under_test.kind.metrics(under_test.profile.spec.engine_version))
    whole, _ = under_test.offered(load)
    forgetful, log = under_test.offered(load)
    end = max(at for at, _ in departing) + 1.0
    for at in sorted([*(share * end for share in shares), end, 1e6]):
        for one in (whole, forgetful):
            leave_until(one, departing, at)
        forgetful.forget_finished()
        for ident, status in enumerate(log.status):
            if status in {Status.OK, Status.ABORTED}:
                log.reset(ident)
                log.status[ident] = Status.ABORTED
        expected, found = shown(whole, names), shown(forgetful, names)
        assert found.keys() == expected.keys()
        for name, samples in expected.items():
            assert [key for key, _ in found[name]] == [key for key, _ in samples]
            values = [value for _, value in samples]
            assert [value for _, value in found[name]] == pytest.approx(values, rel=1e-9, abs=1e-9)
    assert forgetful.activity() == whole.activity()


def leave_until(engine: Engine, departing: Iterable[Departure], end: float) -> None:
    """Run an engine up to `end` from where it stands, clients leaving on the way."""
    for at, ident in departing:
        if engine.now <= at < end:
            engine.advance(at)
            engine.cancel([ident])
    engine.advance(max(end, engine.now))


@each_engine
@law
@given(data=st.data(), load=loads())
def test_ids_can_be_used_again(engine, data, load: Load) -> None:
    """INV-26: few ids that are used again and again serve as one for each request does."""
    under_test = data.draw(servers(engine))
    names = list(under_test.kind.metrics(under_test.profile.spec.engine_version))
    whole, expected = under_test.offered(load)
    log = RequestLog.of_size(0)
    observed = under_test.start(log)
    free: list[int] = []
    taken: dict[int, int] = {}
    served: dict[int, tuple[float, float]] = {}

    def take_back() -> None:
        observed.forget_finished()
        for ident in [ident for ident in taken if log.status[ident] == Status.OK]:
            times = log.first_token_seconds[ident], log.last_token_seconds[ident]
            served[taken.pop(ident)] = times
            log.reset(ident)
            free.append(ident)

    for index, (arrival, inputs, outputs) in enumerate(load):
        observed.advance(arrival)
        take_back()
        if not free:
            free.append(len(log.status))
            log.grow(1)
        taken[free[-1]] = index
        observed.offer([free.pop()], [arrival], [inputs], [outputs])
    for one in (whole, observed):
        one.advance(1e6)
    take_back()
    assert [served[index] for index in range(len(load))] == list(
        zip(expected.first_token_seconds, expected.last_token_seconds, strict=True)
    )
    found, known = shown(observed, names), shown(whole, names)
    for name, samples in known.items():
        assert exact(found[name]) == pytest.approx(exact(samples), rel=1e-9, abs=1e-9)


def exact(samples: list[tuple[str, float]]) -> list[float]:
    """Return the values that do not depend on how often they were asked for."""
    return [value for name, value in samples if not name.endswith("_bucket")]
