"""The command line of an engine's mock server.

What is not an option here belongs to the real server's own command line, and is read as that server
reads it: `scalecert mock vllm --profile vllm_llama-2-7b_l4 --max-num-seqs 64`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import click

from mock_servers.serving.backend import Backend, Given
from mock_servers.serving.limits import make_room_for
from mock_servers.serving.node_options import feed, node_options
from mock_servers.serving.options import engine_options
from mock_servers.serving.output import complain
from mock_servers.serving.services import HttpService, Service
from scalecert.engines.base import EngineKind
from scalecert.engines.profiles import EngineProfile, load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.versions import Versions
from scalecert.errors import UsageError

Build = Callable[[Backend, str, int], Sequence[Service]]
"""Makes what is served of the engine, the host and the port."""

_VERSION = re.compile(r"\d+\.\d+(\.\d+(\.dev\d+)?)?")
_ALIKE = 0.85
"""How like an option of the mock a word must be to be taken for misspelt, as difflib counts."""

_SETTINGS = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


def engine_command(
    name: str, build: Build, *, extra: Sequence[click.Parameter] = ()
) -> click.Command:
    """Return the command that serves the engine `name`.

    Args:
        name: of the engine.
        build: makes what is served.
        extra: options of this engine's mock server alone; `build` reads them from the context.
    """
    kind = engine_kind(name)
    return click.Command(
        name,
        callback=click.pass_context(partial(_serve, kind=kind, build=build)),
        params=[*engine_options(kind.default_port), *extra, *node_options(name)],
        context_settings=_SETTINGS,
        help=f"Serve a mock of {name}.\n\nFurther words are the real server's own flags.",
    )


def _serve(
    context: click.Context,
    /,
    *,
    kind: EngineKind,
    build: Build,
    profile: str,
    host: str,
    port: int,
    speed: float,
    startup_delay: float,
    grace: float,
    metrics_version: str | None,
    answer_tokens: int,
    max_body_bytes: int,
    max_connections: int | None,
    faults_port: int | None,
    node_dir: Path | None,
    pod: str,
    container: str,
    last_container: str | None,
    accelerators: str | None,
    **_: object,
) -> None:
    """Serve an engine until the process is told to end."""
    from mock_servers.serving.process import run

    _warn_of_misspelt(context)
    backend = Backend.start(
        Given(
            kind=kind,
            profile=_profile_of(kind.name, profile),
            words=tuple(context.args),
            env=dict(os.environ),
            metrics_version=metrics_version,
            speed=speed,
            startup_seconds=startup_delay,
            grace_seconds=grace,
            answer_tokens=answer_tokens,
            most_body_bytes=max_body_bytes,
        )
    )
    beside = feed(
        backend,
        node_dir=node_dir,
        pod=pod,
        container=container,
        last_container=last_container,
        accelerators=accelerators,
    )
    services = [*build(backend, host, port), *beside]
    _bound(services, make_room_for(max_connections))
    run(backend, services, faults_port=faults_port)


def _profile_of(engine: str, name: str) -> EngineProfile:
    """Load a profile; refuse one of another engine."""
    profile = load_profile(name)
    other = profile.spec.engine
    if other != engine:
        raise UsageError(
            f"--profile {name}: found a profile of {other}, expected a profile of {engine}",
            hint=f"scalecert profiles lists them; scalecert mock {other} takes it",
        )
    return profile


def check_metrics_version(backend: Backend, known: Versions, *, expected: str, hint: str) -> None:
    """Refuse a `--metrics-version` that is none of those whose metrics were read.

    Raises:
        UsageError: if it is none; `expected` and `hint` say which there are.
    """
    version = backend.given.metrics_version
    if version is not None and not (_VERSION.fullmatch(version) and version in known):
        raise UsageError(f"--metrics-version: found {version!r}, expected {expected}", hint=hint)


def _bound(services: Sequence[Service], connections: int) -> None:
    """Let each HTTP service have so many connections at once."""
    for service in services:
        if isinstance(service, HttpService):
            service.limits = replace(service.limits, connections=connections)


def _warn_of_misspelt(context: click.Context) -> None:
    """Say which of the words that are left to the real server look like options of the mock."""
    own = [name for option in context.command.params for name in option.opts]
    for word in context.args:
        flag = word.partition("=")[0]
        near = get_close_matches(flag, own, n=1, cutoff=_ALIKE) if flag.startswith("--") else []
        if near:
            complain(f"{flag}: taken for a flag of the real server; did you mean {near[0]}?")
