"""`scalecert mock`: a mock server, whose code lies beside the package."""

from __future__ import annotations

import ast
import importlib
import signal
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import click

from scalecert.bundled import bundled
from scalecert.errors import UsageError


class _MockServers(click.Group):
    """The mock servers that there are, one folder each."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return sorted(path.parent.name for path in bundled("mock_servers").glob("*/__main__.py"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each one is without importing it, which needs the extra `mock`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _about(name)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the one that is asked for; Ctrl-C ends that without a word.

        As an exception it could be lost in the middle of an import, and the server would start. The
        server has a handler of its own, which stays.
        """
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            raise click.UsageError(f"mock: found {args[0]!r}, expected one of {', '.join(names)}")
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        ctx.call_on_close(partial(_restore, before))
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one."""
        if cmd_name not in self.list_commands(ctx):
            return None
        root = str(bundled())
        if root not in sys.path:
            sys.path.insert(0, root)
        try:
            module = importlib.import_module(f"mock_servers.{cmd_name}.command")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("mock_servers", "scalecert"):
                raise
            raise UsageError(
                f"mock {cmd_name}: the package {error.name} is not installed",
                hint="pip install 'scalecert[mock]'",
            ) from error
        server: click.Command = module.command
        return server


def _about(name: str) -> str:
    """Return the first line of a mock server's docstring."""
    source = bundled("mock_servers", name, "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _restore(handler: Callable[[int, FrameType | None], object] | int | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, handler)


@click.group(
    "mock",
    cls=_MockServers,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.pass_context
def command(context: click.Context) -> None:
    """Serve a mock of vLLM, TGI, JetStream or an accelerator exporter."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
