"""What engines' tables of metrics have in common: versions, other names, samples of histograms."""

from __future__ import annotations

import numpy as np
import pytest

from scalecert.engines.metric_families import Family, families_in, renamed_series
from scalecert.engines.tally import Tally
from scalecert.engines.versions import Versions

TABLE = (
    Family("queue", "gauge", "requests", "Old.", versions=Versions(until="0.10")),
    Family("queue_size", "gauge", "requests", "New.", versions=Versions(since="0.9.1")),
    Family("wait", "histogram", "seconds", "Both.", buckets=(0.5, 2.0)),
)


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("0.9", {"queue", "wait"}),
        ("0.9.1", {"queue", "queue_size", "wait"}),
        ("0.10.0", {"queue_size", "wait"}),
        ("0.10.1.dev3", {"queue_size", "wait"}),
    ],
)
def test_a_version_exposes_what_came_with_it_or_before_and_is_not_gone(
    version: str, names: set[str]
) -> None:
    """`since` is the first version that has a family, `until` the first that has it no more."""
    assert set(families_in(version, TABLE)) == names


@pytest.mark.parametrize(
    ("name", "other"),
    [("wait_sum", None), ("waiting_sum", "wait_sum"), ("queue", "queue_size"), ("other", None)],
)
def test_a_series_of_another_name_is_found_with_its_ending(name: str, other: str | None) -> None:
    """The name found is another than the one asked for, is exposed, and ends as that does."""
    exposed = families_in("0.10", TABLE)
    stands_for = {"waiting": ["wait"], "queue": ["queue", "queue_size"], "wait": ["wait"]}
    assert renamed_series(name, exposed, lambda one: stands_for.get(one, [])) == other


def test_the_samples_of_a_histogram_are_cumulative_and_agree() -> None:
    """A value on a bound is in its bucket; `+Inf` and the count have all, each by its weight."""
    tally = Tally((0.5, 2.0))
    assert tally.is_empty
    tally.observe(np.array([0.5, 1.0, 7.0]), np.array([1.0, 2.0, 3.0]))
    tally.observe(np.array([0.1]))
    shown = [(one.name, one.labels, one.value) for one in tally.samples("wait", {"a": "b"})]
    assert shown == [
        ("wait_bucket", {"a": "b", "le": "0.5"}, 2.0),
        ("wait_bucket", {"a": "b", "le": "2.0"}, 4.0),
        ("wait_bucket", {"a": "b", "le": "+Inf"}, 7.0),
        ("wait_sum", {"a": "b"}, 23.6),
        ("wait_count", {"a": "b"}, 7.0),
    ]
