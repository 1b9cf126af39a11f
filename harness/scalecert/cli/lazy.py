"""The commands by name, and a click group that imports one when it runs."""

from __future__ import annotations

import difflib
import importlib

import click

COMMANDS = {
    "certify": "Run a suite against a policy and issue its certificate.",
    "lint": "Check manifests without running anything.",
    "run": "Record one scenario under a policy.",
    "recheck": "Judge stored recordings again, without a world.",
    "verify": "Check a certificate against its recordings and inputs.",
    "statement": "Print a certificate as an in-toto Statement.",
    "explain": "Say what a check, scenario or lint rule is for.",
    "suites": "List the suites and their cases.",
    "profiles": "List the engine profiles.",
    "profile": "Make an engine profile, or compare one with a measured server.",
    "mock": "Serve a mock of vLLM, TGI, JetStream or an accelerator exporter.",
    "world": "Keep a world running to try things by hand.",
    "init": "Make a first case of your own.",
    "schema": "Print the JSON Schema of a document, for editors.",
}
"""Each is `command` in `scalecert.cli.<name>_command`; here is the first line of its help."""


def _verbose() -> click.Option:
    """Return `-v` behind the command's name, where people type it; `cli.run` looks for it."""
    text = "Show the traceback of an internal error."
    return click.Option(["-v", "--verbose"], is_flag=True, expose_value=False, help=text)


class LazyGroup(click.Group):
    """Knows commands by their table, so that `--help` imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in order of use."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"scalecert.cli.{cmd_name}_command")
        command: click.Command = module.command
        if not any("--verbose" in parameter.opts for parameter in command.params):
            command.params.append(_verbose())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command: {args[0]} ({hint})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing one."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
