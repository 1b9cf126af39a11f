"""The options of an engine's mock server, and what options of several mock servers are."""

from __future__ import annotations

from math import isnan

import click

from scalecert.units import parse_duration_seconds

PORT = click.IntRange(0, 65535)


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


def engine_options(default_port: int) -> list[click.Parameter]:
    """Return the options that every engine's mock server has; `engine_command` takes them."""
    return [
        click.Option(["--profile"], required=True, help="Engine profile: a name or a file."),
        click.Option(["--host"], default="127.0.0.1", show_default=True, help="To listen on."),
        click.Option(
            ["--port"],
            type=PORT,
            default=default_port,
            show_default=True,
            help="To listen on; 0 takes a free one.",
        ),
        *_of_running(),
        *_of_limits(),
        click.Option(
            ["--faults-port"],
            type=PORT,
            help="Where faults can be switched on and off, on 127.0.0.1 alone; none by default.",
        ),
    ]


def _of_running() -> list[click.Parameter]:
    return [
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
    ]


def _of_limits() -> list[click.Parameter]:
    return [
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
    ]
