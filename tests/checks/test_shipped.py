"""Which of the shipped checks there are, and what they need."""

from __future__ import annotations

from scalecert.checks.shipped import may_read_clairvoyant, shipped


def test_core_checks_come_first():
    """The order of the reference table: what decides before what is reported."""
    levels = [check.level for check in shipped()]
    assert levels == sorted(levels)


def test_the_clairvoyant_minimum_is_searched_for_where_it_may_be_read():
    """By elasticity's checks, and by any of an author's own."""
    assert not may_read_clairvoyant([])
    assert not may_read_clairvoyant(["ttft-objective", "accelerator-hours"])
    assert may_read_clairvoyant(["ttft-objective", "jitter"])
    assert may_read_clairvoyant(["own-quota"])
