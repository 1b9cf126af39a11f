"""Where things come from: engine, version, limits, accelerator, model and profile of a policy.

The order is fixed and every answer is recorded with its source:

    engine               the container's image, else its command, else the profile
    version              the image, else the profile
    limits               args, then env, then the profile
    accelerator          nodeSelector and resources, else the profile
    model                args, then env, else the profile
    profile              --profile, else the shipped one of engine, model and accelerator
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scalecert.engines.api_client import ApiClient
from scalecert.engines.base import EngineKind, Limits
from scalecert.engines.profiles import EngineProfile, load_profile
from scalecert.engines.registry import engine_kinds
from scalecert.errors import UsageError
from scalecert.exporters.device import Device, device_of
from scalecert.policy.candidates import (
    engine_of_profile,
    no_engine,
    no_target,
    pick_profile,
)
from scalecert.policy.command_line import command_line
from scalecert.policy.hardware import Hardware, hardware_of
from scalecert.policy.likeness import differences
from scalecert.policy.model import Container, Policy, Target
from scalecert.recording.plan import Difference, Provenance
from scalecert.request_limits import RequestLimits


@dataclass(frozen=True, slots=True)
class Resolved:
    """What serves a policy's pods.

    Attributes:
        kind: the engine.
        version: its version; None if neither image nor profile says.
        profile: its costs and limits on this model and accelerator.
        limits: of the server process.
        model_name: what the server calls its model (metric label `model_name`).
        container: the engine's container; None if the target is not in the input.
        accelerators_per_replica: GPUs or TPU chips.
        unlike: in what the deployed server is not the one that the profile's costs are of.
        provenance: what came from where, in the order of the answers.
    """

    kind: EngineKind
    version: str | None
    profile: EngineProfile
    limits: Limits
    model_name: str
    container: Container | None
    accelerators_per_replica: int
    provenance: tuple[Provenance, ...]
    unlike: tuple[Difference, ...] = ()

    @property
    def request_limits(self) -> RequestLimits:
        """The longest request that the server takes, answer included."""
        return self.kind.request_limits(self.limits)

    def client(self) -> ApiClient:
        """Return how the server is asked for answers, as far as the manifests say."""
        if self.container is None:
            return self.kind.client((), {})
        return self.kind.client(command_line(self.container), self.container.env)

    @property
    def device(self) -> Device:
        """The accelerators of a replica, as their metrics show them."""
        return device_of(self.profile, self.limits, self.accelerators_per_replica)


@dataclass(frozen=True, slots=True)
class _Server:
    """The container that runs the engine, with the words of its command line."""

    kind: EngineKind
    container: Container
    words: tuple[str, ...]
    hardware: Hardware
    source: str
    """What says that it runs the engine."""

    @property
    def version(self) -> str | None:
        """The version, which only an image of the engine's own says."""
        image = self.container.image
        return self.kind.version_of(image) if self.kind.recognises(image) else None

    def model(self) -> tuple[str, str] | None:
        """Return the model and where the manifest says it."""
        return self.kind.model_of(self.words, self.container.env)


def resolve(
    policy: Policy, profile: str | None = None, kinds: Sequence[EngineKind] | None = None
) -> Resolved:
    """Return what serves a policy's pods.

    Args:
        policy: the policy.
        profile: `--profile`, the name or file of an engine profile.
        kinds: the engines to recognise; all that there are by default.

    Raises:
        UsageError: if the manifests do not say enough, or no profile fits; it names the candidates.
    """
    known = engine_kinds() if kinds is None else kinds
    target = policy.target
    server = None
    if target is not None:
        server = _server(target, known) or _assumed_server(target, profile, known)
    if server is None:
        return _from_profile_alone(policy, profile, known)
    chosen, why = _profile(policy, server, profile)
    container = server.container
    version = server.version
    limits = _limits(server, chosen, version)
    named = server.kind.served_name(server.words, container.env)
    return Resolved(
        kind=server.kind,
        version=version or chosen.spec.engine_version or None,
        profile=chosen,
        limits=limits,
        model_name=named or chosen.spec.model.name,
        container=container,
        accelerators_per_replica=server.hardware.count or chosen.spec.accelerator.count,
        provenance=(*_from_server(server, version, chosen), *_rest(chosen, why, limits)),
        unlike=_unlike(server, version, chosen),
    )


def _unlike(server: _Server, version: str | None, profile: EngineProfile) -> tuple[Difference, ...]:
    model = server.model()
    return differences(
        profile,
        version=version,
        model=model[0] if model else None,
        hardware=server.hardware,
        flags=server.kind.costly_flags(server.words),
    )


def _server(target: Target, kinds: Sequence[EngineKind]) -> _Server | None:
    """Return the first container whose image is an engine's, else whose command starts one."""
    pairs = [(container, kind) for container in target.serving.containers for kind in kinds]
    for container, kind in pairs:
        if kind.recognises(container.image):
            return _server_in(target, container, kind, f"image {container.image}")
    for container, kind in pairs:
        if kind.is_started_by(command_line(container)):
            return _server_in(target, container, kind, f"command of container {container.name}")
    return None


def _assumed_server(
    target: Target, given: str | None, kinds: Sequence[EngineKind]
) -> _Server | None:
    """Return the container that must run the engine of `--profile`: no other has accelerators."""
    accelerated = [one for one in target.serving.containers if one.accelerators()]
    if given is None or len(accelerated) != 1:
        return None
    kind = engine_of_profile(load_profile(given), kinds, given)
    return _server_in(target, accelerated[0], kind, "profile")


def _server_in(target: Target, container: Container, kind: EngineKind, source: str) -> _Server:
    hardware = hardware_of(target.serving, container, target.pods_per_replica)
    return _Server(kind, container, command_line(container), hardware, source)


def _profile(policy: Policy, server: _Server, given: str | None) -> tuple[EngineProfile, str]:
    """Return the profile and its source: what was given, else the one that fits."""
    if given is not None:
        profile = load_profile(given)
        engine_of_profile(profile, [server.kind], given)
        return profile, "--profile"
    model = server.model()
    profile = pick_profile(policy, server.kind.name, model[0] if model else None, server.hardware)
    return profile, "engine, model and accelerator"


def _limits(server: _Server, profile: EngineProfile, version: str | None) -> Limits:
    """Return the limits of the server; a flag that can't be used is named with its line."""
    container = server.container
    try:
        return server.kind.limits(profile, server.words, container.env, version=version)
    except UsageError as error:
        line = container.place.line
        for word, line_of_word in zip(container.args, container.arg_lines, strict=True):
            if error.field and word.startswith(error.field):
                line = line_of_word
        raise UsageError(
            error.problem,
            file=container.place.file,
            line=line,
            field=error.field,
            hint=error.hint,
        ) from error


def _from_profile_alone(policy: Policy, given: str | None, kinds: Sequence[EngineKind]) -> Resolved:
    """Resolve a policy whose manifests show no engine: the profile says everything."""
    if given is None:
        raise no_target(policy) if policy.target is None else no_engine(policy, kinds)
    profile = load_profile(given)
    kind = engine_of_profile(profile, kinds, given)
    limits = kind.limits(profile, (), {}, version=profile.spec.engine_version)
    spec = profile.spec
    answers = (
        Provenance("engine", kind.name, "profile"),
        Provenance("version", spec.engine_version, "profile"),
        Provenance("model", spec.model.name, "profile"),
        Provenance("accelerator", f"{spec.accelerator.count} x {spec.accelerator.name}", "profile"),
    )
    return Resolved(
        kind=kind,
        version=spec.engine_version or None,
        profile=profile,
        limits=limits,
        model_name=spec.model.name,
        container=None,
        accelerators_per_replica=spec.accelerator.count,
        provenance=(*answers, *_rest(profile, "--profile", limits)),
    )


def _from_server(
    server: _Server, version: str | None, profile: EngineProfile
) -> tuple[Provenance, ...]:
    model, said = server.model() or (profile.spec.model.name, "profile")
    assumed = profile.spec.accelerator
    hardware = server.hardware
    return (
        Provenance("engine", server.kind.name, server.source),
        Provenance("version", version, f"image {server.container.image}")
        if version
        else Provenance("version", profile.spec.engine_version, "profile (the image does not say)"),
        Provenance("model", model, said),
        Provenance(
            "accelerator",
            f"{hardware.count or assumed.count} x {hardware.name or assumed.name}",
            hardware.source or "profile",
        ),
    )


def _rest(profile: EngineProfile, why: str, limits: Limits) -> tuple[Provenance, ...]:
    """Return where the profile comes from, and the limits, those of one source together."""
    provenance = profile.spec.provenance
    named = Provenance("profile", f"{profile.name} ({provenance.kind})", why)
    by_source: dict[str, list[str]] = {}
    for name, value in limits.values.items():
        by_source.setdefault(limits.sources.get(name, "profile"), []).append(f"{name}={value}")
    return (named, *(Provenance("limits", " ".join(v), s) for s, v in by_source.items()))
