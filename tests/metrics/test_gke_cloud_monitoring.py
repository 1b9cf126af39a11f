"""What Cloud Monitoring keeps of scraped series, and how it aligns and reduces them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics.gke.alignment import align
from scalecert.metrics.gke.cloud_monitoring import CloudMonitoring
from scalecert.metrics.gke.reducers import reduce_values
from scalecert.metrics.gke.request import Descriptor, TimeSeriesRequest, make_request
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

GAUGE = Descriptor("GAUGE", "DOUBLE")
CUMULATIVE = Descriptor("CUMULATIVE", "DOUBLE")


def request(descriptor: Descriptor, now: float) -> TimeSeriesRequest:
    return make_request("p", (), descriptor, "", now)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("running/gauge", GAUGE),
        ("running/counter", None),
        ("tokens_total/counter", CUMULATIVE),
        ("tokens_total/gauge", None),
        ("odd/unknown", GAUGE),
        ("odd/unknown:counter", CUMULATIVE),
        ("odd/gauge", None),
        ("ttft/histogram", Descriptor("CUMULATIVE", "DISTRIBUTION")),
        ("ttft_sum/counter", None),
        ("size/summary", GAUGE),
        ("size_sum/summary:counter", CUMULATIVE),
        ("size_count/summary", CUMULATIVE),
        ("size_sum/counter", None),
        ("up/gauge", GAUGE),
        ("silent/gauge", None),
        ("silent/histogram", None),
    ],
)
def test_descriptors_follow_the_exposed_kind(metric: str, expected: Descriptor | None) -> None:
    """The suffix of a metric type is the kind's, and there is none before anything is written."""
    kinds = {
        "running": "gauge", "tokens_total": "counter", "odd": "unknown", "silent": "gauge",
        "ttft_bucket": "counter", "ttft_sum": "counter", "ttft_count": "counter",
        "silent_bucket": "counter", "size": "summary", "size_sum": "counter",
        "size_count": "counter",
    }  # fmt: skip
    database = TimeSeriesDatabase()
    for name in (*kinds, "up"):
        if not name.startswith("silent"):
            database.series({NAME_LABEL: name}).append(1.0, 1.0)
    monitoring = CloudMonitoring(database, kinds, delay_seconds=0.0)
    assert monitoring.describe("p", f"prometheus.googleapis.com/{metric}") == expected


def test_requests_carry_aligner_and_period() -> None:
    """Gauges: 300 s in one period; what accumulates: 60 s periods; distributions: deltas."""
    gauge, counter = request(GAUGE, 1000.7), request(CUMULATIVE, 1000.7)
    histogram = request(Descriptor("CUMULATIVE", "DISTRIBUTION"), 1000.7)
    assert (gauge.aligner, gauge.alignment_seconds) == ("ALIGN_NEXT_OLDER", 300.0)
    assert (counter.aligner, counter.alignment_seconds) == ("ALIGN_RATE", 60.0)
    assert (histogram.aligner, histogram.alignment_seconds) == ("ALIGN_DELTA", 60.0)
    assert (gauge.start_seconds, gauge.end_seconds) == (700, 1000)


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([940.0, 970.0, 1000.0], [0.0, 30.0, 90.0], 1.5),
        # the value at the period's start, 940 s, lies between its neighbours: 10 of 30
        ([930.0, 960.0, 990.0], [0.0, 30.0, 90.0], 80.0 / 50.0),
        # a series younger than the period counts from its first sample
        ([980.0, 995.0], [500.0, 530.0], 2.0),
        # nothing in the last period: the one before it
        ([850.0, 910.0, 940.0], [0.0, 60.0, 120.0], (120.0 - 30.0) / 60.0),
        ([995.0], [500.0], None),
        ([], [], None),
    ],
)
def test_rate_is_the_slope_over_the_newest_period_with_a_point(
    times: list[float], values: list[float], expected: float | None
) -> None:
    """Periods of 60 s are counted back from the request's end."""
    found = align(request(CUMULATIVE, 1000.0), times, values)
    assert found == (None if expected is None else pytest.approx(expected))


@settings(max_examples=100, derandomize=True)
@given(
    steps=st.lists(st.integers(1, 40), min_size=2, max_size=20),
    slope=st.floats(0.0, 1e6),
    resets=st.sets(st.integers(1, 19), max_size=3),
)
def test_rate_of_a_steady_counter_is_its_slope_or_less_where_it_was_reset(
    steps: list[int], slope: float, resets: set[int]
) -> None:
    """Whatever the scrape times; a reset loses what was counted before it and never adds."""
    times, values, value = [700.0], [0.0], 0.0
    for index, step in enumerate(steps, start=1):
        if times[-1] + step > 1000.0:
            break
        value = 0.0 if index in resets else value + slope * step
        times.append(times[-1] + step)
        values.append(value)
    rate = align(request(CUMULATIVE, 1000.0), times, values)
    assert rate is not None
    if resets:
        assert -1e-9 <= rate <= slope * (1 + 1e-9) + 1e-9
    else:
        assert rate == pytest.approx(slope)


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [
        ("REDUCE_MEAN", 4.0),
        ("REDUCE_MIN", 1.0),
        ("REDUCE_MAX", 9.0),
        ("REDUCE_SUM", 12.0),
        ("REDUCE_STDDEV", pytest.approx(3.559026)),
        ("REDUCE_COUNT", 3),
        ("REDUCE_PERCENTILE_05", pytest.approx(1.1)),
        ("REDUCE_PERCENTILE_50", 2.0),
        ("REDUCE_PERCENTILE_95", pytest.approx(8.3)),
        ("REDUCE_PERCENTILE_99", pytest.approx(8.86)),
    ],
)
def test_reducers(reducer: str, expected: float) -> None:
    """One value for all series."""
    assert reduce_values(reducer, [9.0, 1.0, 2.0]) == expected


@pytest.mark.parametrize("name", ["COUNT_TRUE", "COUNT_FALSE", "FRACTION_TRUE"])
def test_reducers_of_booleans_are_refused(name: str) -> None:
    """No Prometheus metric is boolean."""
    with pytest.raises(MetricsError, match="not valid for values of type DOUBLE"):
        reduce_values(f"REDUCE_{name}", [1.0])
