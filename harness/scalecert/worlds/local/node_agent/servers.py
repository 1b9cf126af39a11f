"""Which container of a pod is a mock server, and what the server is told on its command line.

A pod's server is found as `scalecert certify` finds a policy's: by the container's image, else by
its command; its profile by model and accelerator. A table adds images of the user's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast

import msgspec

from scalecert.engines.base import EngineKind
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.registry import engine_kinds
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.policy.command_line import command_line
from scalecert.policy.model import Container, Policy
from scalecert.policy.resolve import resolve
from scalecert.worlds.local.node_agent.config import ServerImage
from scalecert.worlds.local.node_agent.pod_objects import PodSpec

_KEPT_FROM_SERVERS = ("PYTHON", "LD_", "PATH", "HOME")
"""What the variables begin with that would change the mock server's process, not what it mocks."""


@dataclass(frozen=True, slots=True)
class Server:
    """The mock server of a container.

    Attributes:
        name: what `scalecert mock` calls it.
        container: that it stands for.
        profile: its engine profile, of the version that the image is of.
        words: the real server's command line.
        env: the container's variables that a server may read.
        port: on which it listens.
        metrics_options: words that put its metrics where the real server has them.
        health_path: where it says over HTTP how it is.
    """

    name: str
    container: Container
    profile: EngineProfile
    words: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    metrics_options: tuple[str, ...]
    health_path: str


@dataclass(frozen=True, slots=True)
class ServerTable:
    """Which images are servers, and with which profiles.

    Attributes:
        images: of the user's own.
        profiles: by engine; found by model and accelerator where there is none.
    """

    images: Sequence[ServerImage] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)

    def server_of(self, pod: PodSpec) -> Server | None:
        """Return the mock server of a pod, None if no container of it is one.

        Raises:
            UsageError: if one is, and its profile or its flags can't be used.
        """
        found = self._recognised(pod)
        if found is None:
            return None
        name, profile = found
        kinds = [cast("EngineKind", _Known(one, self.images)) for one in engine_kinds()]
        resolved = resolve(_policy(pod), profile, [one for one in kinds if one.name == name])
        container = resolved.container
        if container is None:
            return None
        spec = resolved.profile.spec
        version = resolved.version or spec.engine_version
        words, kind = command_line(container), resolved.kind
        port, options = _ports(kind, words, container)
        return Server(
            name=name,
            container=container,
            profile=msgspec.structs.replace(
                resolved.profile, spec=msgspec.structs.replace(spec, engine_version=version)
            ),
            words=tuple(word for word in words if word != "--"),
            env=_handed_over(container.env),
            port=port,
            metrics_options=options,
            health_path=kind.health_path,
        )

    def _recognised(self, pod: PodSpec) -> tuple[str, str | None] | None:
        """Return the name of a pod's server, and its profile if one is given for it."""
        containers = pod.template.containers
        for image in self.images:
            if any(fnmatchcase(one.image, image.pattern) for one in containers):
                return image.server, image.profile or self.profiles.get(image.server)
        for tells in (_by_image, _by_command):
            for container in containers:
                for kind in engine_kinds():
                    if tells(kind, container):
                        return kind.name, self.profiles.get(kind.name)
        return self._assumed(containers)

    def _assumed(self, containers: Sequence[Container]) -> tuple[str, str] | None:
        """Return the one engine that there is a profile of, if one container has accelerators."""
        accelerated = [one for one in containers if one.accelerators()]
        if len(accelerated) != 1 or len(self.profiles) != 1:
            return None
        return next(iter(self.profiles.items()))


def _by_image(kind: EngineKind, container: Container) -> bool:
    return kind.recognises(container.image)


def _by_command(kind: EngineKind, container: Container) -> bool:
    return kind.is_started_by(command_line(container))


class _Known:
    """An engine that recognises the images of a table as well."""

    def __init__(self, kind: EngineKind, images: Sequence[ServerImage]) -> None:
        self._kind = kind
        self._patterns = [one.pattern for one in images if one.server == kind.name]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the engine has
        return getattr(self._kind, name)

    def recognises(self, image: str) -> bool:
        """Tell whether an image is this engine's, or stands in the table for it."""
        in_table = any(fnmatchcase(image, pattern) for pattern in self._patterns)
        return in_table or self._kind.recognises(image)


def _policy(pod: PodSpec) -> Policy:
    """Return a policy that scales such pods and says nothing else: what `resolve` reads."""
    return Policy(
        name=pod.target.name,
        namespace=pod.target.namespace,
        hpa=HorizontalPodAutoscalerSpec(),
        document=pod.document,
        target=pod.target,
        monitors=(),
        rules=(),
        services=(),
        manifests=(),
        documents=(),
        digest="",
    )


def _ports(
    kind: EngineKind, words: Sequence[str], container: Container
) -> tuple[int, tuple[str, ...]]:
    """Return where a server listens, and the options for metrics on a port of their own.

    Metrics that are one path of the API are where the API is; those that answer on any path have a
    port to themselves, or none.
    """
    shown = kind.metrics_endpoint(words, container.env)
    if shown.path is not None and shown.port is not None:
        return shown.port, ()
    return kind.default_port, ("--metrics-port", "off" if shown.port is None else str(shown.port))


def _handed_over(env: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in env.items() if not key.startswith(_KEPT_FROM_SERVERS)}


def mock_arguments(
    server: Server,
    *,
    profile: str,
    host: str,
    speed: float,
    load_seconds: float,
    grace_seconds: float,
    node_options: Sequence[str] = (),
) -> list[str]:
    """Return the words after `scalecert` that start a mock server.

    The real server's own come first: of an option that is given twice the last one counts, and no
    manifest may let a mock server listen anywhere else.

    Args:
        server: the server.
        profile: file of its profile.
        host: address of its pod.
        speed: of its model.
        load_seconds: of the clock, that loading its model takes.
        grace_seconds: after SIGTERM, before it ends by itself whatever runs.
        node_options: what it is told of its node.
    """
    return [
        "mock",
        server.name,
        *server.words,
        *server.metrics_options,
        *("--profile", profile),
        *("--host", host),
        *("--port", str(server.port)),
        *("--speed", f"{speed:g}"),
        *("--startup-delay", f"{load_seconds:.6f}s"),
        *("--grace", f"{grace_seconds:.6f}s"),
        *node_options,
    ]


def environment(server: Server, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a mock server's process.

    Args:
        server: whose container has variables.
        own: the agent's variables, of which a process needs some.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {**server.env, **{key: own[key] for key in kept if key in own}}
