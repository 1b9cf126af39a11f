"""TGI's metrics: names and buckets, and what one server shows and when."""

from __future__ import annotations

import pytest

from scalecert.engines.base import Engine, RequestSizes, Sample
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tgi.metrics import DURATION, FAMILIES, hundredths

TGI = engine_kind("tgi")
PROFILE = load_profile("tgi_llama-2-7b_l4")
LIMITS = TGI.limits(PROFILE, [], {})
NAMES = [family.name for family in FAMILIES]


def serve(*args: str, requests: int = 60, spacing: float = 0.3) -> tuple[Engine, RequestLog]:
    """Return a server to which requests of 256 + 64 tokens have been offered."""
    log = RequestLog.of_size(requests)
    limits = TGI.limits(PROFILE, args, {})
    engine = TGI.start(PROFILE, limits, log, ordinal=0, model_name="llama", now=0.0)
    arrivals = [1.0 + spacing * turn for turn in range(requests)]
    engine.offer(range(requests), arrivals, [256] * requests, [64] * requests)
    return engine, log


def shown(engine: Engine, name: str) -> list[Sample]:
    """Return a family's samples."""
    return engine.samples([name])[name]


def value(samples: list[Sample], name: str, **labels: str) -> float:
    """Return the value of the one sample with a name and labels."""
    (found,) = [one for one in samples if one.name == name and one.labels == labels]
    return found.value


def test_nothing_exists_before_its_first_use() -> None:
    """A fresh server shows nothing: the KV cache's size is set where nobody keeps it."""
    engine, _ = serve()
    engine.advance(0.5)
    exposed = [one for samples in engine.samples(NAMES).values() for one in samples]
    assert exposed == []
    assert "tgi_batch_max_total_tokens" not in NAMES


def test_the_queue_appears_with_the_first_request_and_the_batch_with_its_first_token() -> None:
    """The queue is counted when a request comes, the batch when its prompt is computed."""
    engine, log = serve(requests=1)
    engine.advance(1.01)
    assert [one.value for one in shown(engine, "tgi_queue_size")] == [0.0]
    assert shown(engine, "tgi_batch_current_size") == []
    engine.advance(log.first_token_seconds[0] if log.first_token_seconds[0] > 0 else 1.2)
    assert [one.value for one in shown(engine, "tgi_batch_current_size")] == [1.0]
    assert [one.value for one in shown(engine, "tgi_batch_current_max_tokens")] == [256 + 64 - 1]
    engine.advance(60.0)
    for name in ("tgi_queue_size", "tgi_batch_current_size", "tgi_batch_current_max_tokens"):
        assert [one.value for one in shown(engine, name)] == [0.0]


def test_series_have_the_labels_that_the_families_say() -> None:
    """Whatever is shown has just the labels of its family, `le` and `quantile` aside."""
    engine, _ = serve("--max-concurrent-requests=40", spacing=0.01)
    engine.advance(100.0)
    known = TGI.metrics(None)
    missing = set()
    for name, samples in engine.samples(NAMES).items():
        family = known[name]
        for one in samples:
            assert set(one.labels) - {"le", "quantile"} == set(family.labels) - {"quantile"}
        if not samples:
            missing.add(name)
    assert missing == {"tgi_batch_inference_failure"}


def test_requests_are_counted_once_and_refused_ones_by_their_reason() -> None:
    """60 come at once where 40 may be, 40 are answered, 20 are refused."""
    engine, _ = serve("--max-concurrent-requests=40", spacing=0.0)
    engine.advance(100.0)
    assert value(shown(engine, "tgi_request_count"), "tgi_request_count") == 60
    assert value(shown(engine, "tgi_request_success"), "tgi_request_success") == 40
    failures = shown(engine, "tgi_request_failure")
    assert value(failures, "tgi_request_failure", err="overloaded") == 20


def test_durations_of_a_request_add_up() -> None:
    """Validation, queue and inference make the whole; the time per token has no queue in it."""
    engine, log = serve(spacing=0.01)
    engine.advance(100.0)

    def total(name: str) -> float:
        return value(shown(engine, name), f"{name}_sum")

    parts = [f"tgi_request_{part}_duration" for part in ("validation", "queue", "inference")]
    whole = total("tgi_request_duration")
    assert sum(map(total, parts)) == pytest.approx(whole)
    assert total("tgi_request_queue_duration") > 10
    per_token = total("tgi_request_mean_time_per_token_duration")
    assert per_token * 64 == pytest.approx(total("tgi_request_inference_duration"))
    latencies = [last - 1.0 - 0.01 * i for i, last in enumerate(log.last_token_seconds)]
    assert whole == pytest.approx(sum(latencies), rel=0.01)


def test_steps_are_counted_by_method_and_their_time_is_the_servers() -> None:
    """Begun and completed steps differ by the one that runs; their durations are its busy time."""
    engine, _ = serve()
    engine.advance(9.0)
    begun, done = (shown(engine, f"tgi_batch_inference_{of}") for of in ("count", "success"))
    assert sum(one.value for one in begun) == sum(one.value for one in done) + 1
    engine.advance(100.0)
    samples = shown(engine, "tgi_batch_inference_duration")
    seconds = sum(one.value for one in samples if one.name.endswith("_sum"))
    assert seconds == pytest.approx(engine.activity().busy_seconds)
    counts = {one.labels["method"]: one.value for one in samples if one.name.endswith("_count")}
    joined = shown(engine, "tgi_batch_next_size")
    assert counts["prefill"] == value(joined, "tgi_batch_next_size_count")
    assert value(joined, "tgi_batch_next_size_sum") == 60
    assert counts["prefill"] + counts["decode"] == engine.activity().steps


def test_histograms_only_ever_rise() -> None:
    """Every bucket is a counter, as rates take it for one."""
    engine, _ = serve()
    before: dict[tuple[str, str], float] = {}
    for look in (5.0, 9.0, 20.0, 21.0, 60.0):
        engine.advance(look)
        samples = engine.samples([name for name in NAMES if name.endswith("duration")])
        now = {(s.name, str(s.labels)): s.value for family in samples.values() for s in family}
        assert all(now[series] >= value for series, value in before.items())
        before = now


def test_buckets_are_the_sources() -> None:
    """35 durations from 0.15 ms to 146 s, hundredths of the limits, whole numbers without point."""
    assert len(DURATION) == 35
    assert DURATION[0] == pytest.approx(0.00015)
    assert DURATION[-1] == pytest.approx(145.611, rel=1e-4)
    assert hundredths(4095)[0] == 40.95
    assert hundredths(4095)[-1] == pytest.approx(4095)
    engine, _ = serve(requests=1)
    engine.advance(50.0)
    edges = [one.labels.get("le") for one in shown(engine, "tgi_batch_next_size")]
    assert edges[:2] == ["1", "2"]
    assert edges[1023:1025] == ["1024", "+Inf"]


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("tgi_batch_size", "tgi_batch_current_size"),
        ("tgi_queue", "tgi_queue_size"),
        ("queue_size", "tgi_queue_size"),
        ("tgi:queue_size", "tgi_queue_size"),
        ("tgi_request_count_total", "tgi_request_count"),
        ("tgi_batch_max_total_tokens", None),
        ("tgi_queue_duration_bucket", "tgi_request_queue_duration_bucket"),
        ("tgi_time_to_first_token", None),
        ("tgi_queue_size", None),
    ],
)
def test_names_that_never_were_lead_to_those_that_are(name: str, today: str | None) -> None:
    """Near misses are named; what TGI has no metric for is not."""
    assert TGI.replaced_by(name, "3.3.4") == today


def test_a_batch_is_bounded_by_what_its_requests_reserve() -> None:
    """256 + 128 tokens: 36 requests at most, and the queue has the permits that they leave."""
    sizes = RequestSizes(256.0, 128.0)
    known = TGI.metrics(None)
    batch, queue = known["tgi_batch_current_size"], known["tgi_queue_size"]
    assert batch.usual_maximum is not None
    assert queue.usual_maximum is not None
    assert batch.usual_maximum(LIMITS, sizes) == pytest.approx(13859 / 384)
    assert queue.usual_maximum(LIMITS, sizes) == pytest.approx(128 - 13859 / 384)
    assert batch.maximum is not None
    assert batch.maximum(LIMITS) == 128
    long = RequestSizes(256.0, 3000.0)
    assert batch.usual_maximum(LIMITS, long) == pytest.approx(13859 / (256 + 1024))


def test_a_saturated_server_stays_at_its_usual_maximum() -> None:
    """The simulated batch and queue of a server with too many requests are what is expected."""
    engine, log = serve(requests=400, spacing=0.02)
    del log
    engine.advance(7.0)
    batch = shown(engine, "tgi_batch_current_size")[0].value
    assert batch == (13859 - 1) // (256 + 64 - 1) == 43
    assert shown(engine, "tgi_queue_size")[0].value == 128 - batch
