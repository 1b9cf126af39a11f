"""The metrics page of mocks whose real servers use Prometheus' Python library."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.utils import floatToGoString

from mock_servers.serving.python_metrics import python_client_page
from scalecert.engines.base import MetricInfo, Sample
from scalecert.engines.python_client import written


@settings(max_examples=100, derandomize=True)
@given(st.floats())
def test_numbers_are_written_as_the_library_writes_them(value: float) -> None:
    """Every float has the text that the library gives it."""
    assert written(value) == floatToGoString(value)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.001, 999999.0, 1e6, 1.088934e6, 8413319168.0, 1e12])
def test_numbers_of_pages_are_written_as_the_library_writes_them(value: float) -> None:
    """Those that pages are full of, around the change to an exponent."""
    assert written(value) == floatToGoString(value)


def test_a_page_is_the_one_that_the_library_writes() -> None:
    """Order, escapes, counts before sums and `_created` gauges are the library's own."""
    registry = CollectorRegistry()
    Gauge("depth", 'of a "queue"\nnow', ["model", "at"], registry=registry).labels("m\\", '"x"')
    counter = Counter("tokens", "that went", ["model"], registry=registry)
    counter.labels("m").inc(1_234_567)
    seconds = Histogram("seconds", "to wait", ["model"], buckets=[0.5, 1, 1e6], registry=registry)
    seconds.labels("m").observe(0.75)
    Summary("bytes", "of bodies", registry=registry).observe(12.0)
    Counter("nothing", "yet", ["model"], registry=registry)
    created = {
        sample.name: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.endswith("_created")
    }
    since = iter([created[name] for name in ("tokens_created", "seconds_created", "bytes_created")])
    model = {"model": "m"}
    page = python_client_page(
        [
            (_info("depth", "gauge", 'of a "queue"\nnow'),
             [Sample("depth", {"model": "m\\", "at": '"x"'}, 0.0)]),
            (_info("tokens_total", "counter", "that went"),
             [Sample("tokens_total", model, 1_234_567.0)]),
            (_info("seconds", "histogram", "to wait"),
             [Sample("seconds_bucket", {**model, "le": "0.5"}, 0.0),
              Sample("seconds_bucket", {**model, "le": "1.0"}, 1.0),
              Sample("seconds_bucket", {**model, "le": "1e+06"}, 1.0),
              Sample("seconds_bucket", {**model, "le": "+Inf"}, 1.0),
              Sample("seconds_sum", model, 0.75),
              Sample("seconds_count", model, 1.0)]),
            (_info("bytes", "summary", "of bodies"),
             [Sample("bytes_sum", {}, 12.0), Sample("bytes_count", {}, 1.0)]),
            (_info("nothing_total", "counter", "yet"), []),
        ],
        lambda _: next(since),
    )  # fmt: skip
    assert page.decode().splitlines() == generate_latest(registry).decode().splitlines()


def _info(name: str, kind: str, text: str) -> MetricInfo:
    return MetricInfo(name=name, kind=kind, unit="", help=text)
