"""`scalecert world`: a world kept running to try things by hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scalecert.cli import rendering
from scalecert.worlds.local.linux import require_linux

if TYPE_CHECKING:
    from scalecert.worlds.local.state import Holder

F = TypeVar("F", bound=Callable[..., Any])

_NAME = "default"


def _world_option(function: F) -> F:
    return click.option(
        "--world",
        type=click.Choice(["local"]),
        default="local",
        expose_value=False,
        show_default=True,
        help="Which kind: local is a control plane on this machine.",
    )(function)


def _name_option(function: F) -> F:
    return click.option(
        "--name", default=_NAME, show_default=True, metavar="NAME", help="Which of several."
    )(function)


@click.group("world", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Keep a world running to try things by hand."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command("up")
@_world_option
@_name_option
@click.option(
    "--time-lapse",
    type=click.Choice(["1", "3", "5"]),
    default="1",
    show_default=True,
    help="How many times faster it runs.",
)
@click.option(
    "--profile",
    metavar="NAME",
    help="Engine profile of its servers, name or file; default: from image and accelerator.",
)
def up(name: str, time_lapse: str, profile: str | None) -> None:
    """Start a world and return once it is ready; it goes on until `down`.

    What is printed is for a shell: eval "$(scalecert world up)".
    """
    require_linux()
    from scalecert.worlds.local import keeping
    from scalecert.worlds.opening import prepare_world

    prepare_world("local")
    click.echo(f"world {name} is starting", err=True)
    told = keeping.keep(name, time_lapse=int(time_lapse), profile=profile)
    for part, where in told.about.items():
        click.echo(f"# {part}: {where}")
    click.echo(f"# end it: scalecert world down --name {name}")
    click.echo(f"export KUBECONFIG={shlex.quote(told.kubeconfig)}")


@command.command("status")
@_world_option
@click.option("--name", metavar="NAME", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(name: str | None, as_json: bool) -> None:
    """Say which worlds run, who holds them, and what is in them."""
    require_linux()
    from scalecert.worlds.local import state

    base = state.base_directory()
    worlds = {one: state.holder_of(base, one) for one in state.running(base) if name in {None, one}}
    facts = {one: _facts(holder) for one, holder in worlds.items()}
    if as_json:
        rendering.print_json(facts)
        return
    if not facts:
        click.echo("no world runs" if name is None else f"world {name} does not run")
    for one, said in facts.items():
        click.echo(f"world {one}")
        rendering.print_facts(said)


def _facts(holder: Holder | None) -> dict[str, str]:
    """Return what there is to say of a world that runs."""
    from scalecert.worlds.local.contents import contents

    if holder is None:
        return {"state": "just starting or ending"}
    facts = {"held by": str(holder), "address": holder.address, "directory": holder.directory}
    if holder.kubeconfig is not None:
        facts["kubeconfig"] = holder.kubeconfig
        facts["contents"] = contents(Path(holder.kubeconfig))
    return facts


@command.command("down")
@_world_option
@_name_option
def down(name: str) -> None:
    """End a world, whoever holds it, and return when nothing of it is left."""
    require_linux()
    from scalecert.worlds.local import keeping

    holder = keeping.end(name)
    click.echo(f"world {name} has ended, which was held by {holder}")
