"""`scalecert mock`: a mock server, whose code lies beside the package."""

from __future__ import annotations

import importlib
import sys

import click

from scalecert.bundled import bundled
from scalecert.errors import UsageError


class _MockServers(click.Group):
    """The mock servers that there are, one folder each."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return sorted(path.parent.name for path in bundled("mock_servers").glob("*/__main__.py"))

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
