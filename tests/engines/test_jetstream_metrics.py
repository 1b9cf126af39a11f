"""JetStream's metrics: names by version, and what one engine shows."""

from __future__ import annotations

import math

import pytest

from scalecert.engines.base import Sample
from scalecert.engines.jetstream.engine import JetStreamEngine
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog

JETSTREAM = engine_kind("jetstream")
PROFILE = load_profile("jetstream_llama-2-7b_v5e")
ALL = tuple(JETSTREAM.metrics(None))


def engine(requests: int = 200, gap: float = 0.02) -> tuple[JetStreamEngine, RequestLog]:
    """Return an engine of twelve slots, to which equal requests are offered at equal distances."""
    log = RequestLog.of_size(requests)
    limits = JETSTREAM.limits(PROFILE, (), {})
    started = JETSTREAM.start(PROFILE, limits, log, ordinal=4, model_name="llama", now=0.0)
    assert isinstance(started, JetStreamEngine)
    arrivals = [gap * turn for turn in range(requests)]
    started.offer(range(requests), arrivals, [200] * requests, [64] * requests)
    return started, log


def value(running: JetStreamEngine, name: str) -> float:
    """Return the value of a family's one sample."""
    (found,) = running.samples([name])[name]
    return found.value


def histogram(running: JetStreamEngine, name: str) -> tuple[float, float]:
    """Return count and sum of a histogram."""
    samples = {sample.name: sample.value for sample in running.samples([name])[name]}
    return samples[f"{name}_count"], samples[f"{name}_sum"]


@pytest.mark.parametrize(
    ("version", "present", "absent"),
    [
        ("0.2.2", "jetstream_slots_available_percentage", "jetstream_slots_used_percentage"),
        ("0.2.3", "jetstream_slots_used_percentage", "jetstream_slots_available_percentage"),
        ("0.2.3", "jetstream_prefill_backlog_size", "jetstream_transfer_backlog_size"),
        ("0.3", "jetstream_transfer_backlog_size", "num_requests_waiting"),
        ("0.3.0", "jetstream_server_startup_latency", "jetstream_model_load_time"),
        (None, "kv_cache_utilization_perc", "jetstream_slots_available_percentage"),
    ],
)
def test_versions_expose_their_own_names(version: str | None, present: str, absent: str) -> None:
    """Metrics come and go with versions; an unknown version is taken for the main branch."""
    known = JETSTREAM.metrics(version)
    assert present in known
    assert absent not in known


def test_the_first_release_has_two_families() -> None:
    """What google-jetstream 0.2.2 on PyPI has."""
    assert set(JETSTREAM.metrics("0.2.2")) == {
        "jetstream_prefill_backlog_size",
        "jetstream_slots_available_percentage",
    }


@pytest.mark.parametrize(
    ("name", "version", "today"),
    [
        ("jetstream_slots_used_percentage", "0.2.2", "jetstream_slots_available_percentage"),
        ("jetstream_slots_available_percentage", "0.3", "jetstream_slots_used_percentage"),
        ("jetstream:prefill_backlog_size", None, "jetstream_prefill_backlog_size"),
        ("jetstream_prefill_backlog", None, "jetstream_prefill_backlog_size"),
        ("prefill_backlog_size", "0.2.2", "jetstream_prefill_backlog_size"),
        ("jetstream_slots_used", None, "jetstream_slots_used_percentage"),
        ("jetstream_slots_used", "0.2.2", "jetstream_slots_available_percentage"),
        ("jetstream_num_requests_waiting", None, "num_requests_waiting"),
        ("num_requests_waiting", "0.3", "jetstream_prefill_backlog_size"),
        ("kv_cache_utilization_perc", "0.3", "jetstream_slots_used_percentage"),
        ("jetstream_generate_backlog_size", "0.2.2", "jetstream_prefill_backlog_size"),
        ("jetstream_request_success_count", None, "jetstream_request_success_count_total"),
        ("time_to_first_token_bucket", None, "jetstream_time_to_first_token_bucket"),
        ("jetstream_time_to_first_token_seconds_sum", None, "jetstream_time_to_first_token_sum"),
        ("tgi_queue_size", None, None),
    ],
)
def test_a_name_that_a_version_lacks_leads_to_its_own(
    name: str, version: str | None, today: str | None
) -> None:
    """The slots' renaming in both directions, prefixes, a missing `_total`, near spellings."""
    assert JETSTREAM.replaced_by(name, version) == today


def test_gauges_exist_from_the_start_and_all_else_from_the_first_observation() -> None:
    """A query for a histogram finds nothing before the first request: missing is not zero."""
    idle, _ = engine(requests=0)
    idle.advance(100.0)
    for name, samples in idle.samples(ALL).items():
        gauge = JETSTREAM.metrics(None)[name].kind == "gauge" and name != "lora_request_info"
        assert len(samples) == gauge, name
    busy, _ = engine()
    busy.advance(math.inf)
    silent = [name for name, samples in busy.samples(ALL).items() if not samples]
    assert silent == ["jetstream_wait_time_per_request"]


def test_labels_are_those_that_the_families_promise() -> None:
    """`id` on every series, `idx` on what each generate engine has; never the model's name."""
    busy, _ = engine()
    busy.advance(5.0)
    for name, samples in busy.samples(ALL).items():
        for sample in samples:
            assert set(sample.labels) - {"le"} == set(JETSTREAM.metrics(None)[name].labels)
            assert sample.labels["id"] == "pod-4"


def test_the_prefill_backlog_leaves_out_what_is_in_hands() -> None:
    """All requests are counted once: backlog, hands, parked, in a slot, finished."""
    busy, log = engine(requests=100, gap=0.0)
    busy.advance(6.0)
    backlog = value(busy, "jetstream_prefill_backlog_size")
    done = sum(not math.isnan(last) for last in log.last_token_seconds)
    in_hands = busy.prefilling is not None or len(busy.parked) < 4
    assert backlog > 20
    assert backlog + in_hands + len(busy.parked) + busy.decoding + done == 100
    assert value(busy, "num_requests_waiting") == backlog + 2


def test_two_backlogs_always_show_zero() -> None:
    """Their length is read once, when the server starts; so nothing can be scaled on them."""
    busy, _ = engine(requests=100, gap=0.0)
    busy.advance(6.0)
    assert len(busy.parked) >= 3
    for name in ("jetstream_transfer_backlog_size", "jetstream_generate_backlog_size"):
        assert value(busy, name) == 0.0
        maximum = JETSTREAM.metrics(None)[name].maximum
        assert maximum is not None
        assert maximum(JETSTREAM.limits(PROFILE, (), {})) == 0.0


def test_a_percentage_is_a_fraction_and_another_is_not() -> None:
    """Slots used go to 1, the KV cache's utilization is the same times 100."""
    busy, _ = engine(requests=8, gap=0.0)
    busy.advance(1.0)
    used = value(busy, "jetstream_slots_used_percentage")
    assert used == 8 / 12
    assert value(busy, "jetstream_slots_available_percentage") == pytest.approx(1 - used)
    assert value(busy, "kv_cache_utilization_perc") == pytest.approx(100 * used)
    tops = {
        name: info.maximum(JETSTREAM.limits(PROFILE, (), {}))
        for name, info in JETSTREAM.metrics(None).items()
        if info.maximum
    }
    assert tops["jetstream_slots_used_percentage"] == 1.0
    assert tops["kv_cache_utilization_perc"] == 100.0


def test_the_generate_thread_holds_a_slot_while_it_waits() -> None:
    """So an idle server shows one slot in use, and one more while prompts go before decoding."""
    idle, _ = engine(requests=0)
    idle.advance(1.0)
    assert value(idle, "jetstream_slots_used_percentage") == 1 / 12
    filling, _ = engine(requests=6, gap=0.0)
    while filling.decoding < 3:
        filling.advance(filling.next_event_seconds() + 1e-6)
    assert value(filling, "jetstream_prefill_backlog_size") > 0
    assert value(filling, "jetstream_slots_used_percentage") == 4 / 12
    filling.advance(1.0)
    assert value(filling, "jetstream_slots_used_percentage") == 6 / 12


def test_time_to_first_token_stays_flat_under_overload() -> None:
    """It begins when the prefill thread takes the request; the queue is in another histogram."""
    means = {}
    for gap in (2.0, 0.0):
        running, log = engine(requests=100, gap=gap)
        running.advance(math.inf)
        count, total = histogram(running, "jetstream_time_to_first_token")
        queued = histogram(running, "jetstream_queue_duration")
        assert count == queued[0] == 100
        waited = sum(log.first_token_seconds) / 100 - gap * 99 / 2
        means[gap] = total / 100, queued[1] / 100, waited
    assert means[2.0][1] == pytest.approx(0.0, abs=1e-9)
    # A prompt waits for one generate step while no slot is free, or for one parked before it.
    assert means[0.0][0] < 0.5
    assert means[0.0][1] > 3.0
    assert means[0.0][2] > 3.0


def test_time_per_request_is_not_end_to_end() -> None:
    """It begins with the end of prefill, and so does the time per output token."""
    running, log = engine(requests=60, gap=0.0)
    running.advance(math.inf)
    decoding = sum(log.last_token_seconds) - sum(log.first_token_seconds)
    assert histogram(running, "jetstream_time_per_request") == (60, pytest.approx(decoding))
    per_token = histogram(running, "jetstream_time_per_output_token")
    assert per_token == (60, pytest.approx(decoding / 63))
    assert sum(log.last_token_seconds) > 2 * decoding


def test_lengths_are_observed_by_request() -> None:
    """Prompts without padding; answers by generate steps, without the first token."""
    running, _ = engine(requests=10)
    running.advance(math.inf)
    assert histogram(running, "jetstream_request_input_length") == (10, 2000.0)
    assert histogram(running, "jetstream_request_output_length") == (10, 630.0)
    assert value(running, "jetstream_request_success_count_total") == 10.0


def test_buckets_are_cumulative_and_end_in_infinity() -> None:
    """What Prometheus expects of a histogram, written as the client library writes it."""
    running, _ = engine(requests=10)
    running.advance(math.inf)
    name = "jetstream_time_per_prefill_token"
    buckets: list[Sample] = [one for one in running.samples([name])[name] if "le" in one.labels]
    assert [one.labels["le"] for one in buckets][:2] == ["1e-05", "2e-05"]
    assert buckets[-1].labels["le"] == "+Inf"
    values = [one.value for one in buckets]
    assert values == sorted(values)
    assert values[-1] == 10.0


def test_a_second_scrape_adds_only_what_is_new() -> None:
    """Histograms are brought up to date, never counted twice."""
    once, _ = engine(requests=40)
    often, _ = engine(requests=40)
    for until in range(20):
        often.advance(float(until))
        often.samples(ALL)
    often.advance(math.inf)
    once.advance(math.inf)
    for name in ALL:
        mine, theirs = once.samples([name])[name], often.samples([name])[name]
        assert [one.value for one in mine] == pytest.approx([one.value for one in theirs])


def test_bounds_from_a_million_on_are_written_with_an_exponent() -> None:
    """As the client library writes them: a query for `le` finds nothing else."""
    running, _ = engine(requests=1)
    running.advance(math.inf)
    name = "jetstream_request_output_length"
    bounds = [one.labels["le"] for one in running.samples([name])[name] if "le" in one.labels]
    assert bounds[-5:] == ["200000.0", "500000.0", "1e+06", "2e+06", "+Inf"]


def test_the_wait_is_observed_of_clients_that_say_since_when() -> None:
    """It is what a request spends in backlogs, from its client's own start on, once complete."""
    running, _ = engine(requests=2, gap=10.0)
    running.observed.client_starts[1] = 8.5
    running.advance(10.1)
    assert not running.samples(ALL)["jetstream_wait_time_per_request"]
    running.advance(math.inf)
    count, total = histogram(running, "jetstream_wait_time_per_request")
    assert (count, total) == (1, pytest.approx(1.5 + running.lag))
