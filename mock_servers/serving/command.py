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
from math import isnan
from pathlib import Path

import click

from mock_servers.serving.backend import Backend, Given
from mock_servers.serving.limits import make_room_for
from mock_servers.serving.node_options import feed, node_options
from mock_servers.serving.output import complain
from mock_servers.serving.services import HttpService, Service
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.versions import Versions
from scalecert.errors import UsageError
from scalecert.units import parse_duration_seconds

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


class _Duration(click.ParamType[float]):
    """A duration such as 30s."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        try:
            return value if isinstance(value, float) else parse_duration_seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = _Duration()


class _Speed(click.FloatRange):
    """Model seconds per second; `nan`, which is in no range and beyond none, is no speed."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a number."""
        speed = float(super().convert(value, param, ctx))
        if isnan(speed):
            self.fail(f"found {value}, expected a number", param, ctx)
        return speed


SPEED = _Speed(0.0, 1000.0, min_open=True)


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

    @click.pass_context
    def serve(
        context: click.Context,
        /,
        *,
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
        from mock_servers.serving.process import run

        _warn_of_misspelt(context)
        loaded = load_profile(profile)
        if loaded.spec.engine != name:
            raise UsageError(
                f"--profile {profile}: found a profile of {loaded.spec.engine},"
                f" expected a profile of {name}",
                hint=f"scalecert profiles lists them; scalecert mock {loaded.spec.engine} takes it",
            )
        backend = Backend.start(
            Given(
                kind=kind,
                profile=loaded,
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

    return click.Command(
        name,
        callback=serve,
        params=[*_options(kind.default_port), *extra, *node_options(name)],
        context_settings=_SETTINGS,
        help=f"Serve a mock of {name}.\n\nFurther words are the real server's own flags.",
    )


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


def _options(default_port: int) -> list[click.Parameter]:
    return [
        click.Option(["--profile"], required=True, help="Engine profile: a name or a file."),
        click.Option(["--host"], default="127.0.0.1", show_default=True, help="To listen on."),
        click.Option(
            ["--port"],
            type=click.IntRange(0, 65535),
            default=default_port,
            show_default=True,
            help="To listen on; 0 takes a free one.",
        ),
        click.Option(
            ["--speed"],
            type=SPEED,
            default=1.0,
            show_default=True,
            help="Run the model N times faster than the wall clock.",
        ),
        click.Option(
            ["--startup-delay"],
            type=DURATION,
            default="0s",
            show_default=True,
            help="Loading the model takes so long; nothing is served until then.",
        ),
        click.Option(
            ["--grace"],
            type=DURATION,
            default="30s",
            show_default=True,
            help="Of the pod: after SIGTERM the process ends within it, whatever runs.",
        ),
        click.Option(
            ["--metrics-version"],
            help="Show the metrics of this version; the profile's by default.",
        ),
        click.Option(
            ["--answer-tokens"],
            type=click.IntRange(1, 1_000_000),
            default=128,
            show_default=True,
            help="Length of an answer that its request does not bound.",
        ),
        click.Option(
            ["--max-body-bytes"],
            type=click.IntRange(1, 1 << 30),
            default=4 << 20,
            show_default=True,
            help="Of a request's body.",
        ),
        click.Option(
            ["--max-connections"],
            type=click.IntRange(1, 65536),
            help="At once, on each port; one more is told 503.  [default: 4096, or fewer where the"
            " system allows no more open files]",
        ),
        click.Option(
            ["--faults-port"],
            type=click.IntRange(0, 65535),
            help="Where faults can be switched on and off, on 127.0.0.1 alone; none by default.",
        ),
    ]
