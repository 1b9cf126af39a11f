"""The plugin's options, and the inputs that they stand for.

Every option has a name of our own (`--scalecert-seed`). The short names (`--seed`, `--profile`)
exist only where the command line has `--policy`, because other plugins and people's `conftest.py`
use such names too, and a name registered twice ends every pytest run of that environment.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scalecert.pipeline import Inputs


@dataclass(frozen=True, slots=True)
class _Option:
    """One option: its short name, what argparse is told, and what `--help` says."""

    name: str
    help: str
    settings: dict[str, Any]


_OPTIONS = (
    _Option(
        "objective",
        "latency limits to hold, for example ttft_p95=2s,tpot_p95=100ms",
        {"metavar": "LIMITS"},
    ),
    _Option(
        "world",
        "where the scenario runs: sim or local (default: sim)",
        {"default": "sim", "metavar": "WORLD"},
    ),
    _Option(
        "time-lapse",
        "how many times faster --world local runs: 1, 3 or 5 (default: 1)",
        {"type": int, "default": 1, "metavar": "K"},
    ),
    _Option(
        "name", "which of several worlds on this machine (default: default)", {"default": "default"}
    ),
    _Option("profile", "engine profile: name or file", {"metavar": "NAME"}),
    _Option("workload", "file with a workload to use instead of the scenario's", {}),
    _Option(
        "set",
        "value of a placeholder in the manifests (repeatable)",
        {"action": "append", "default": [], "metavar": "NAME=VALUE"},
    ),
    _Option("seed", "seed of all randomness (default: 1)", {"type": int, "default": 1}),
    _Option("price", "price per accelerator and hour", {"type": float, "metavar": "DOLLARS"}),
    _Option(
        "capacity",
        "measured capacity of one replica, in requests per second",
        {"type": float, "metavar": "RATE"},
    ),
)


def add(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options."""
    group = parser.getgroup("scalecert", "certify an autoscaling policy (scalecert)")
    group.addoption(
        "--policy",
        dest="scalecert_policy",
        action="append",
        default=[],
        metavar="PATH",
        help="manifests of the policy to certify (repeatable); with it, the options below also"
        " go without their scalecert- prefix",
    )
    short = _asks_for_policy(pluginmanager)
    for option in _OPTIONS:
        names = [f"--scalecert-{option.name}", *([f"--{option.name}"] if short else [])]
        group.addoption(*names, dest=_destination(option.name), help=option.help, **option.settings)
    group.addoption(
        "--scalecert-out",
        default="out",
        metavar="DIR",
        help="folder for certificate, JUnit file and recordings (default: out)",
    )
    group.addoption(
        *(["--scalecert-quick"] + (["--quick"] if short else [])),
        dest="scalecert_quick",
        action="store_true",
        help="one run per scenario, neither more seeds nor corners: indicative, never certified",
    )
    group.addoption(
        "--scalecert-jobs",
        type=int,
        default=1,
        metavar="N",
        help="runs of one case at once, in processes of their own (default: 1; -n of xdist runs"
        " cases at once)",
    )
    for hidden in ("--scalecert-stdin", "--scalecert-events"):
        group.addoption(hidden, default=None, help=argparse.SUPPRESS)


def _destination(name: str) -> str:
    return f"scalecert_{name.replace('-', '_')}"


def _asks_for_policy(pluginmanager: pytest.PytestPluginManager) -> bool:
    config = pluginmanager.get_plugin("pytestconfig")
    words = config.invocation_params.args if isinstance(config, pytest.Config) else ()
    return any(str(word).split("=")[0] == "--policy" for word in words)


def policies(config: pytest.Config) -> tuple[str, ...]:
    """Return what `--policy` named; empty: nothing is to be certified in this session."""
    return tuple(config.getoption("scalecert_policy"))


def out(config: pytest.Config) -> Path:
    """Return the folder that everything is written to."""
    return config.invocation_params.dir / str(config.getoption("scalecert_out"))


def kept_standard_input(config: pytest.Config) -> Path | None:
    """Return the file with what the command line read from standard input, None without.

    Raises:
        UsageError: if a policy is `-` and nobody kept it: pytest captures standard input.
    """
    from scalecert.errors import UsageError

    file = config.getoption("scalecert_stdin")
    if "-" in policies(config) and file is None:
        hint = "scalecert certify - reads standard input"
        raise UsageError("found -, expected files or folders", file="--policy", hint=hint)
    return Path(file) if file else None


def inputs(config: pytest.Config) -> Inputs:
    """Return the inputs that the command line stands for.

    Raises:
        UsageError: if a `--set` is no NAME=VALUE.
    """
    from scalecert.documents.placeholders import parse_settings
    from scalecert.pipeline import Inputs

    get = config.getoption
    return Inputs(
        policies=policies(config),
        settings=parse_settings(get("scalecert_set")),
        objective=get("scalecert_objective"),
        profile=get("scalecert_profile"),
        workload=get("scalecert_workload"),
        price_per_hour=get("scalecert_price"),
        capacity_per_second=get("scalecert_capacity"),
        seed=get("scalecert_seed"),
        world=get("scalecert_world"),
        time_lapse=get("scalecert_time_lapse"),
        instance=get("scalecert_name"),
        quick=get("scalecert_quick"),
    )
