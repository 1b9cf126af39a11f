"""The guard band: which runs a scenario has, by the engine profile's errors."""

from __future__ import annotations

import pytest
from factories import make_errors
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.recording.plan import ModelError, Variation
from scalecert.recording.variations import FAST, PARTS, SLOW, alone, guard_band, nominal, place

relative = st.just(0.0) | st.floats(0.001, 0.99)
errors_strategy = st.dictionaries(
    st.sampled_from(PARTS), st.builds(ModelError, relative, st.just("assumed"))
)


def test_three_seeds_and_two_corners() -> None:
    """The first is the user's; the corners have its arrivals, so that only the engine differs."""
    band = guard_band(7, make_errors(prefill=0.3, decode=0.2, startup=0.1))
    assert band == (
        Variation(name="seed-7", seed=7),
        Variation(name="seed-8", seed=8),
        Variation(name="seed-9", seed=9),
        Variation(name="slow", seed=7, prefill=1.3, decode=1.2, startup=1.1),
        Variation(name="fast", seed=7, prefill=0.7, decode=0.8, startup=0.9),
    )


@pytest.mark.parametrize("errors", [{}, make_errors(prefill=0.0, decode=0.0, startup=0.0)])
def test_a_profile_without_errors_has_no_corners(errors: dict[str, ModelError]) -> None:
    """They would be the first seed again."""
    assert guard_band(1, errors) == tuple(nominal(seed) for seed in (1, 2, 3))


def test_a_part_without_an_error_stays_at_the_corners() -> None:
    """One measured part is enough for corners, and leaves the others as the profile has them."""
    *_, slow, fast = guard_band(1, make_errors(decode=0.05))
    assert (slow.prefill, slow.decode, slow.startup) == (1.0, 1.05, 1.0)
    assert (fast.prefill, fast.decode, fast.startup) == (1.0, 0.95, 1.0)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(errors=errors_strategy, seed=st.integers(0, 10**6))
def test_runs_have_names_of_their_own(errors: dict[str, ModelError], seed: int) -> None:
    """Each is a folder of the case; only seeds are nominal."""
    band = guard_band(seed, errors)
    runs = [*band, *alone(SLOW, seed, errors), *alone(FAST, seed, errors)]
    assert len({run.name for run in runs}) == len(runs)
    assert {run.name for run in runs if run.is_nominal} == {
        f"seed-{seed + number}" for number in range(3)
    }


@settings(max_examples=60, derandomize=True, deadline=None)
@given(errors=errors_strategy, seed=st.integers(0, 10**6))
def test_one_part_alone_is_off_as_at_the_corner(errors: dict[str, ModelError], seed: int) -> None:
    """What is off by itself is off as far as in the corner, and all the rest is the profile's."""
    corners = {run.name: run for run in guard_band(seed, errors)}
    for corner in (SLOW, FAST):
        for run in alone(corner, seed, errors):
            part = run.name.removeprefix(f"{corner}-")
            changed = {name: getattr(run, name) for name in PARTS if getattr(run, name) != 1.0}
            assert changed == {part: getattr(corners[corner], part)}
            assert run.seed == seed


def test_parts_that_are_exact_are_not_run_alone() -> None:
    """They can't be what a verdict hangs on."""
    errors = make_errors(prefill=0.3, decode=0.0)
    assert [run.name for run in alone(FAST, 1, errors)] == ["fast-prefill"]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=st.data())
def test_runs_sort_into_the_order_in_which_they_are_made(data: st.DataObject) -> None:
    """Seeds by number, slow before fast, and parts alone behind their corners."""
    errors = make_errors()
    runs = [*guard_band(9, errors), *alone(SLOW, 9, errors), *alone(FAST, 9, errors)]
    assert sorted(data.draw(st.permutations(runs)), key=place) == runs


def test_runs_of_another_release_come_last() -> None:
    """A name that nobody here knows does not hide the first seed."""
    runs = [Variation(name="colder", seed=1, decode=2.0), nominal(2), nominal(1)]
    assert [run.name for run in sorted(runs, key=place)] == ["seed-1", "seed-2", "colder"]
