"""A click group that imports a command when it runs, and knows the others by their one-liners."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands by name and help line; each is `command` in `scalecert.cli.<name>_command`."""

    def __init__(self, *, commands: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._help = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in order of the table, which is the order of use."""
        del ctx
        return list(self._help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        del ctx
        if cmd_name not in self._help:
            return None
        module = importlib.import_module(f"scalecert.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was meant."""
        if args and args[0] not in self._help and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self._help, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(self._help)}"
            raise click.UsageError(f"no such command: {args[0]} ({hint})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing one."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._help.items()))
