"""Outages that the world tells the process of while it runs."""

from __future__ import annotations

from pathlib import Path

from scalecert.worlds.local.metrics_apis.outages import Outages, OutageSpan, write_outages


def test_nothing_is_down_while_nothing_was_told(tmp_path: Path) -> None:
    """Without the file every part is up."""
    assert not Outages(tmp_path / "outages.json").is_down("adapter", 5.0)


def test_a_part_is_down_from_start_to_end(tmp_path: Path) -> None:
    """A span covers its start and not its end, and only its part."""
    path = tmp_path / "outages.json"
    write_outages(path, [OutageSpan("adapter", 10.0, 20.0)])
    outages = Outages(path)
    told = [outages.is_down("adapter", now) for now in (9.9, 10.0, 19.9, 20.0)]
    assert told == [False, True, True, False]
    assert not outages.is_down("scrape", 15.0)


def test_a_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """What is told later holds from then on, alone."""
    path = tmp_path / "outages.json"
    outages = Outages(path)
    for start in (10.0, 30.0):
        write_outages(path, [OutageSpan("adapter", start, start + 5.0)])
        assert [outages.is_down("adapter", now) for now in (11.0, 31.0)] == [
            start == 10.0,
            start == 30.0,
        ]
