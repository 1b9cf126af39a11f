"""Which worlds there are, and what is refused before one is opened."""

from __future__ import annotations

import sys

import pytest

from scalecert.errors import UsageError
from scalecert.worlds.opening import WORLDS, check_world, on_the_clock, open_world


@pytest.mark.parametrize(
    ("world", "time_lapse", "said"),
    [
        ("lokal", 1, "--world: found 'lokal', expected one of sim, local"),
        ("local", 2, "--time-lapse: found 2, expected one of 1, 3, 5"),
        (
            "sim",
            3,
            (
                "--time-lapse: found 3 with --world sim, expected --world local"
                " (virtual time passes as fast as it can)"
            ),
        ),
    ],
)
def test_worlds_and_time_lapses_that_there_are_not(world, time_lapse, said):
    """Only some factors leave whole seconds, and virtual time has no clock to outrun."""
    with pytest.raises(UsageError) as refused:
        check_world(world, time_lapse)
    assert str(refused.value) == said
    with pytest.raises(UsageError), open_world(world, time_lapse=time_lapse):
        pass


def test_a_world_of_processes_needs_linux(monkeypatch):
    """Elsewhere one line says so, and what runs there."""
    monkeypatch.setattr(sys, "platform", "darwin")
    check_world("sim")
    with pytest.raises(UsageError) as refused:
        check_world("local")
    assert (
        str(refused.value) == "--world: found local on darwin, expected Linux (sim runs anywhere)"
    )


def test_virtual_time_alone_is_not_on_the_clock():
    """What takes its time is run one after the other."""
    assert [name for name in WORLDS if not on_the_clock(name)] == ["sim"]
