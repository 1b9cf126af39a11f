"""The shipped policies with what to try them by: objectives, and values of their placeholders.

A policy that GKE's documentation has leaves the target to the reader; the values are those of the
documentation's own experiments where it has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policies.tried import OBJECTIVE, Tried, settings

from scalecert.bundled import bundled

FOLDER = bundled("fixtures", "policies")
_TARGET = "HPA_AVERAGEVALUE_TARGET"

DOCUMENTED = (
    "jetstream-hbm",
    "jetstream-prefill-backlog",
    "jetstream-slots-and-backlog",
    "jetstream-slots-used",
    "tgi-batch-current-size",
    "tgi-dcgm-gpu-util",
    "tgi-duty-cycle",
    "tgi-queue-size",
)
"""Policies that are as GKE's documentation has them, with what that lacks."""

TARGETS: Mapping[str, str] = {
    "tgi-queue-size": "10",
    "tgi-batch-current-size": "35",
    "tgi-duty-cycle": "85",
    "tgi-dcgm-gpu-util": "85",
    "jetstream-hbm": "45G",
}
"""What takes the place of $HPA_AVERAGEVALUE_TARGET."""

OBJECTIVES: Mapping[str, str] = {
    "tgi-batch-current-size-with-headroom": "ttft_p95=2s,tpot_p95=150ms",
    "jetstream-slots-used-with-headroom": "ttft_p95=1s,tpot_p95=50ms",
}
"""Those other than the tests' own: what the policies with headroom certify for."""


def paths() -> tuple[Path, ...]:
    """Return the shipped policies."""
    return tuple(sorted(path.resolve() for path in FOLDER.glob("*.yaml")))


def shipped() -> dict[str, Tried]:
    """Return every shipped policy as it is tried, by name."""
    return {path.stem: tried(path) for path in paths()}


def tried(path: Path) -> Tried:
    """Return a shipped policy with its objective, its placeholders filled in."""
    target = TARGETS.get(path.stem)
    values = {} if target is None else {_TARGET: target}
    return Tried(path, OBJECTIVES.get(path.stem, OBJECTIVE), settings(values))
