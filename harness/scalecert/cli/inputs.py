"""The options that say what is certified: shared by every command that takes a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

if TYPE_CHECKING:
    from scalecert.pipeline import Inputs

F = TypeVar("F", bound=Callable[..., Any])


class Words(TypedDict):
    """The input options as they were given, by the names of a command's parameters."""

    objective: str | None
    profile: str | None
    workload: str | None
    settings: tuple[str, ...]
    seed: int
    price: float | None
    capacity: float | None
    world: str
    time_lapse: int
    name: str


_OPTIONS = (
    click.option(
        "--objective",
        metavar="LIMITS",
        help="Latency limits to hold: ttft_p95=2s,tpot_p95=100ms, or a file; default: the"
        " policy's annotation scalecert.dev/objective.",
    ),
    click.option(
        "--profile",
        metavar="NAME",
        help="Engine profile, name or file; default: from image and accelerator.",
    ),
    click.option(
        "--workload", metavar="FILE", help="Workload to use instead of the scenarios' own."
    ),
    click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        help="Value of a placeholder such as $HPA_AVERAGEVALUE_TARGET; repeatable.",
    ),
    click.option("--seed", type=int, default=1, show_default=True, help="Seed of all randomness."),
    click.option(
        "--price",
        type=click.FloatRange(min=0),
        metavar="DOLLARS",
        help="Price per accelerator and hour.",
    ),
    click.option(
        "--capacity",
        type=click.FloatRange(min=0, min_open=True),
        metavar="RATE",
        help="Measured capacity of one replica in requests per second, instead of the searched.",
    ),
    click.option(
        "--world",
        metavar="sim|local",
        default="sim",
        show_default=True,
        help="Where scenarios run: sim is virtual time; local is a real control plane, Prometheus"
        " and load on this machine, in as much time as the scenarios take.",
    ),
    click.option(
        "--time-lapse",
        type=int,
        metavar="1|3|5",
        default=1,
        show_default=True,
        help="How many times faster --world local runs; the certificate says what it can't hurry.",
    ),
    click.option(
        "--name",
        default="default",
        show_default=True,
        help="Which of several worlds on this machine; no two runs have one at once.",
    ),
)


def input_options(function: F) -> F:
    """Add the options to a command, which gets them as `**words: Unpack[Words]`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def inputs_of(policies: tuple[str, ...], words: Words, *, quick: bool) -> Inputs:
    """Return what the pipeline takes; `quick` asks for one run per scenario.

    Raises:
        UsageError: if a `--set` is no NAME=VALUE.
    """
    from scalecert.documents.placeholders import parse_settings
    from scalecert.pipeline import Inputs

    return Inputs(
        policies=policies,
        settings=parse_settings(words["settings"]),
        objective=words["objective"],
        profile=words["profile"],
        workload=words["workload"],
        price_per_hour=words["price"],
        capacity_per_second=words["capacity"],
        seed=words["seed"],
        world=words["world"],
        time_lapse=words["time_lapse"],
        instance=words["name"],
        quick=quick,
    )


def pytest_arguments(policies: tuple[str, ...], words: Words) -> list[str]:
    """Return the same as options of the pytest plugin."""
    named = {name.replace("_", "-"): value for name, value in words.items() if name != "settings"}
    return [
        *(f"--policy={policy}" for policy in policies),
        *(f"--scalecert-{name}={value}" for name, value in named.items() if value is not None),
        *(f"--scalecert-set={pair}" for pair in words["settings"]),
    ]
