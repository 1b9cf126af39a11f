"""`scalecert profiles`: the engine profiles that ship."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scalecert.cli import rendering

if TYPE_CHECKING:
    from scalecert.engines.profiles import EngineProfile


@click.command("profiles")
@click.option("--json", "as_json", is_flag=True, help="Print the profiles themselves.")
def command(as_json: bool) -> None:
    """List the engine profiles."""
    from scalecert.engines.profiles import load_profile, profile_names

    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        rendering.print_json(profiles)
        return
    head = ("NAME", "ENGINE", "MODEL", "ACCELERATOR", "PER HOUR", "NUMBERS")
    rendering.print_table([head, *(_row(profile) for profile in profiles)], indent="")
    click.echo("\nscalecert profile estimate makes one for another model or accelerator")


def _row(profile: EngineProfile) -> tuple[str, ...]:
    spec = profile.spec
    accelerator = f"{spec.accelerator.count} x {spec.accelerator.name}"
    price = f"{spec.price.per_hour:.2f} {spec.price.currency}"
    engine = f"{spec.engine} {spec.engine_version}"
    return (
        profile.name,
        engine,
        spec.model.name,
        accelerator,
        price,
        spec.provenance.kind,
    )
