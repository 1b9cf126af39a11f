"""The engine profile that fits what the manifests say, and what to do where none does."""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.documents import closest
from scalecert.engines.base import EngineKind
from scalecert.engines.catalog import accelerators, models
from scalecert.engines.profiles import EngineProfile, load_profile, profile_names
from scalecert.errors import UsageError
from scalecert.policy.hardware import Hardware
from scalecert.policy.model import Policy
from scalecert.policy.model_ids import means_model

_HOW_TO = "docs/how-to/estimate-a-profile.md"
_PLAIN = 2
"""Parts of a profile's name after the engine: model and accelerators."""


def pick_profile(
    policy: Policy, engine: str, model: str | None, hardware: Hardware
) -> EngineProfile:
    """Return the shipped profile of an engine, a model (as the manifest names it) and hardware.

    Variants of a profile, with a fourth part in their names, are for `--profile` alone.

    Raises:
        UsageError: if no profile fits; it names those that nearly do.
    """
    parts = {name: name.split("_") for name in profile_names()}
    names = [name for name, (of, *rest) in parts.items() if of == engine and len(rest) == _PLAIN]
    of_model = [name for name in names if model and means_model(model, parts[name][1])]
    profiles = [load_profile(name) for name in of_model]
    fitting = [one for one in profiles if one.spec.accelerator.name == hardware.name]
    if not fitting:
        raise _no_profile(policy, engine, model, hardware, of_model or names)
    for profile in fitting:
        if hardware.count in (0, profile.spec.accelerator.count):
            return profile
    raise _error(
        policy,
        f"found {hardware.count} accelerators per replica, expected as many as in a profile",
        f"make one: {_estimate(engine, model, hardware)}",
    )


def engine_of_profile(
    profile: EngineProfile, kinds: Sequence[EngineKind], given: str
) -> EngineKind:
    """Return the engine that a profile is for, one of `kinds`; UsageError if it is not."""
    for kind in kinds:
        if kind.name == profile.spec.engine:
            return kind
    names = ", ".join(kind.name for kind in kinds)
    problem = f"found a profile of {profile.spec.engine} in {given}, expected one of {names}"
    raise UsageError(problem, field="--profile")


def no_target(policy: Policy) -> UsageError:
    """Return the error about an HPA whose target is not in the input."""
    reference = policy.hpa.scale_target_ref
    near = closest(f"{reference.kind} {reference.name}", policy.targets)
    meant = f"did you mean {near}? Else " if near else ""
    return UsageError(
        f"found no {reference.kind} {reference.name} in the input, so no engine",
        file=policy.file,
        line=policy.place("spec.scaleTargetRef").line,
        field="spec.scaleTargetRef",
        hint=f"{meant}add its manifest, or say --profile NAME: scalecert profiles lists them",
    )


def no_engine(policy: Policy, kinds: Sequence[EngineKind]) -> UsageError:
    """Return the error about a target none of whose containers runs a known engine."""
    images = [one.image for one in policy.target.serving.containers] if policy.target else []
    engines = ", ".join(kind.name for kind in kinds)
    return _error(
        policy,
        f"found no container that runs an engine (images {', '.join(images)}), expected {engines}",
        "say --profile NAME: scalecert profiles lists them",
    )


def _no_profile(
    policy: Policy, engine: str, model: str | None, hardware: Hardware, candidates: Sequence[str]
) -> UsageError:
    if model is not None and "$" in model:
        problem = f"found the model {model}, whose value is not in the manifest"
    elif model is None:
        problem = f"found no model in args or env of the {engine} container"
    elif not hardware.name:
        problem = f"found no accelerator for {model} (nodeSelector says none)"
    else:
        problem = f"found no engine profile of {model} on {hardware.name}"
    return _error(
        policy,
        problem,
        f"--profile with one of {', '.join(candidates)}; or make one:"
        f" {_estimate(engine, model, hardware)}",
    )


def _estimate(engine: str, model: str | None, hardware: Hardware) -> str:
    """Return the command that makes a profile, as far as model and hardware are known."""
    shapes = [shape.name for shape in models() if model and means_model(model, shape.name)]
    known = hardware.name in {accelerator.name for accelerator in accelerators()}
    count = f" --count {hardware.count}" if hardware.count > 1 else ""
    missing = [] if shapes else ["SHAPE is the model's config.json"]
    missing += [] if known else [_own_accelerator()]
    return (
        f"scalecert profile estimate --engine {engine} --model {shapes[0] if shapes else 'SHAPE'}"
        f" --accelerator {hardware.name if known else 'NAME'}{count} --out profile.yaml,"
        f" then --profile profile.yaml{''.join(f'; {one}' for one in missing)}"
    )


def _own_accelerator() -> str:
    """Return what stands for an accelerator that no manifest names, or that is not known."""
    names = ", ".join(accelerator.name for accelerator in accelerators())
    return f"NAME is one of {names}, or a file ({_HOW_TO})"


def _error(policy: Policy, problem: str, hint: str) -> UsageError:
    place = policy.target.place if policy.target is not None else policy.place()
    field = policy.target.kind if policy.target is not None else None
    return UsageError(problem, file=place.file, line=place.line, field=field, hint=hint)
