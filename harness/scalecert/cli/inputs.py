"""The options that say what is certified: shared by every command that takes a policy."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from scalecert.pipeline import Inputs

F = TypeVar("F", bound=Callable[..., Any])

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
        "--price", type=float, metavar="DOLLARS", help="Price per accelerator and hour."
    ),
    click.option(
        "--capacity",
        type=float,
        metavar="RATE",
        help="Measured capacity of one replica in requests per second, instead of the searched.",
    ),
    click.option(
        "--world",
        type=click.Choice(["sim"]),
        default="sim",
        show_default=True,
        help="Where scenarios run: sim is virtual time.",
    ),
)


def input_options(function: F) -> F:
    """Add the options to a command; it gets them as keyword arguments, see `Words`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Words:
    """The input options as they were given."""

    objective: str | None
    profile: str | None
    workload: str | None
    settings: tuple[str, ...]
    seed: int
    price: float | None
    capacity: float | None
    world: str

    def inputs(self, policies: tuple[str, ...]) -> Inputs:
        """Return what the pipeline takes.

        Raises:
            UsageError: if a `--set` is no NAME=VALUE.
        """
        from scalecert.pipeline import Inputs
        from scalecert.settings import parse_settings

        return Inputs(
            policies=policies,
            settings=parse_settings(self.settings),
            objective=self.objective,
            profile=self.profile,
            workload=self.workload,
            price_per_hour=self.price,
            capacity_per_second=self.capacity,
            seed=self.seed,
            world=self.world,
        )

    def pytest_arguments(self) -> list[str]:
        """Return the same words as options of the pytest plugin."""
        named = {
            "objective": self.objective,
            "profile": self.profile,
            "workload": self.workload,
            "seed": self.seed,
            "price": self.price,
            "capacity": self.capacity,
            "world": self.world,
        }
        given = [f"--scalecert-{name}={value}" for name, value in named.items() if value is not None]
        return given + [f"--scalecert-set={pair}" for pair in self.settings]


@contextlib.contextmanager
def kept_standard_input(policies: tuple[str, ...]) -> Iterator[Path | None]:
    """Keep what comes on standard input while a command runs, if a policy is `-`.

    It can be read only once, but this process and each that it starts must read the policy; yields
    the file that holds it, None if no policy is `-`.
    """
    if "-" not in policies:
        yield None
        return
    before = sys.stdin
    with tempfile.TemporaryDirectory(prefix="scalecert-") as folder:
        kept = Path(folder, "stdin")
        kept.write_bytes(click.get_binary_stream("stdin").read())
        with kept.open(encoding="utf-8") as sys.stdin:
            try:
                yield kept
            finally:
                sys.stdin = before
