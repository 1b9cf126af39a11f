"""Numbers and pages as Go's Prometheus client writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mock_servers.accelerator.gauges import Gauges, go_number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (65.0, "65"),
        (37730.0, "37730"),
        (42.5, "42.5"),
        (5699.87, "5699.87"),
        (2981888.0, "2.981888e+06"),
        (15842934784.0, "1.5842934784e+10"),
        (199229440.0, "1.9922944e+08"),
        (203465670656.0, "2.03465670656e+11"),
        (123456.0, "123456"),
        (1e6, "1e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
    ],
)
def test_numbers_are_written_as_real_pages_have_them(value: float, written: str) -> None:
    """Most are from pages of the GPU and the TPU plugin that their users have published."""
    assert go_number(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, derandomize=True)
def test_a_number_is_what_was_written(value: float) -> None:
    """Whatever its form, nothing of a number is lost."""
    assert float(go_number(value)) == value


def test_families_labels_and_series_are_in_order() -> None:
    """Families by name, labels by name, series by their labels; and no family without series."""
    gauges = Gauges({"b": "second", "a": "first", "c": "third"})
    gauges.set("b", {"y": "1", "x": "2"}, 1.0)
    gauges.set("b", {"y": "1", "x": "1"}, 2.0)
    gauges.set("a", {"x": 'quo"te\\\n'}, 3.0)
    gauges.drop("c", gauges.set("c", {"x": "1"}, 4.0))
    assert gauges.text().splitlines() == [
        "# HELP a first",
        "# TYPE a gauge",
        r'a{x="quo\"te\\\n"} 3',
        "# HELP b second",
        "# TYPE b gauge",
        'b{x="1",y="1"} 2',
        'b{x="2",y="1"} 1',
    ]
    (first, _) = text_string_to_metric_families(gauges.text())
    assert first.samples[0].labels == {"x": 'quo"te\\\n'}


def test_reset_removes_what_it_names_or_all() -> None:
    """As `Reset` of a gauge vector."""
    gauges = Gauges({"a": "", "b": ""})
    for name in ("a", "b"):
        gauges.set(name, {"x": "1"}, 1.0)
    gauges.reset(("a",))
    assert "a{" not in gauges.text()
    assert "b{" in gauges.text()
    gauges.reset()
    assert gauges.text() == ""
