"""How a deployed server differs from the one that a profile's costs are of.

A measured profile is measured for one engine release, model, number of accelerators and set of
flags. On another server it is an estimate, however well it was measured: `planning.references`
takes its errors for assumed, and no certificate calls it measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scalecert.engines.profiles import EngineProfile
from scalecert.policy.hardware import Hardware
from scalecert.policy.model_ids import means_model
from scalecert.recording.plan import ENGINE_VERSION, Difference

UNKNOWN = "unknown"


def differences(
    profile: EngineProfile,
    *,
    version: str | None,
    model: str | None,
    hardware: Hardware,
    flags: Sequence[str],
) -> tuple[Difference, ...]:
    """Return what is not as the profile has it.

    Args:
        profile: the profile.
        version: the engine's by its image, None if that does not say.
        model: as the manifest names it, None if it does not.
        hardware: the accelerators of one replica.
        flags: those on the command line that change costs and that no profile knows.
    """
    return tuple(_differences(profile, version, model, hardware, flags))


def _differences(
    profile: EngineProfile,
    version: str | None,
    model: str | None,
    hardware: Hardware,
    flags: Sequence[str],
) -> Iterator[Difference]:
    spec = profile.spec
    if version is None or _release(version) != _release(spec.engine_version):
        yield Difference(ENGINE_VERSION, version or UNKNOWN, spec.engine_version)
    if model is None or not means_model(model, spec.model.name):
        yield Difference("model", model or UNKNOWN, spec.model.name)
    if hardware.name and hardware.name != spec.accelerator.name:
        yield Difference("accelerator", hardware.name, spec.accelerator.name)
    if hardware.count not in (0, spec.accelerator.count):
        yield Difference("accelerators", f"{hardware.count}", f"{spec.accelerator.count}")
    for flag in flags:
        yield Difference("flag", flag, "none such")


def _release(version: str) -> tuple[str, ...]:
    """Return major and minor: a patch release mends, it does not speed up."""
    return tuple(version.removeprefix("v").split(".")[:2])
