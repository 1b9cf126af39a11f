"""Whether a server splits its model over as many accelerators as its profile is of."""

from __future__ import annotations

from scalecert.engines.profiles import EngineProfile
from scalecert.errors import UsageError


def require_count(profile: EngineProfile, asked: int, field: str) -> None:
    """Refuse another number of accelerators than the profile's.

    Args:
        profile: of the server.
        asked: accelerators that the server's flags split its model over.
        field: the flag, as it is written.

    Raises:
        UsageError: with the command that makes the profile.
    """
    spec = profile.spec
    if asked != spec.accelerator.count:
        raise UsageError(
            f"found {asked} accelerators a replica, but profile {profile.name} is of"
            f" {spec.accelerator.count}",
            field=field,
            hint=f"does the pod ask for {asked}? make their profile: scalecert profile estimate"
            f" --engine {spec.engine} --model {spec.model.name} --accelerator"
            f" {spec.accelerator.name} --count {asked} --out profile.yaml,"
            " then --profile profile.yaml",
        )
