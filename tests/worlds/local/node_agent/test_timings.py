"""What a time lapse divides, and what is divided already."""

from __future__ import annotations

import pytest

from scalecert.worlds.local.node_agent.timings import Timings


def test_the_load_time_of_the_conditions_is_divided_already():
    """It is handed on as it is."""
    assert Timings(4.0, 6.0, speed=5.0).load_seconds(of_profile=60.0) == 6.0


def test_the_load_time_of_a_profile_is_divided_here():
    """A profile knows no time lapse."""
    assert Timings(4.0, None, speed=5.0).load_seconds(of_profile=60.0) == 12.0


@pytest.mark.parametrize("speed", [1.0, 5.0])
def test_the_kubelets_own_times_are_divided_here(speed: float):
    """Back-off and the least grace are constants of the kubelet's."""
    timings = Timings(4.0, None, speed)
    assert timings.back_off_seconds == 10.0 / speed
    assert timings.most_back_off_seconds == 300.0 / speed
    assert timings.least_grace_seconds == 2.0 / speed
