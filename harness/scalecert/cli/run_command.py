"""`scalecert run`: one scenario under a policy, recorded and not judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from scalecert.cli import rendering
from scalecert.cli.inputs import Words, input_options, inputs_of
from scalecert.cli.interrupts import interrupted_by_signals

if TYPE_CHECKING:
    from scalecert.pipeline import Inputs
    from scalecert.recording.model import Recording
    from scalecert.recording.plan import Plan
    from scalecert.worlds.base import World


@click.command("run")
@click.argument("scenario")
@click.option(
    "--policy",
    "policies",
    metavar="PATH",
    multiple=True,
    required=True,
    help="Manifests: a file, a folder or - for standard input; repeatable.",
)
@input_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out"),
    show_default=True,
    help="The recording goes to DIR/recordings/<scenario>/seed-<N>.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    scenario: str,
    policies: tuple[str, ...],
    out: Path,
    as_json: bool,
    **words: Unpack[Words],
) -> None:
    """Record one scenario under a policy.

    SCENARIO is the id of one that ships (scalecert suites) or a file.
    """
    from scalecert import pipeline
    from scalecert.certificate import artifacts
    from scalecert.policy import standard_input
    from scalecert.suite import find_case

    case, inputs = find_case(scenario), inputs_of(policies, words, quick=True)
    with standard_input.kept(needed="-" in policies):
        subjects = pipeline.subjects(inputs)
    pipeline.check_cases(inputs, [case])
    pipeline.prepare_world(inputs.world)
    results = []
    with _open_world(inputs) as world:
        for subject in subjects:
            folder = artifacts.certificate_folder(out, subject.name, several=len(subjects) > 1)
            runs = pipeline.record(subject, case, folder / artifacts.RECORDINGS, world=world)
            results.append({**_facts(runs.nominal), "folder": str(runs.folders[0])})
    if as_json:
        rendering.print_json(results)
        return
    for result in results:
        _print(result)


@contextmanager
def _open_world(inputs: Inputs) -> Iterator[World]:
    """Open the world, which says of a run on the clock how long it takes."""
    from scalecert import pipeline
    from scalecert.units import format_clock
    from scalecert.worlds.told import ToldWorld

    def tell(plan: Plan) -> None:
        seconds = float(plan.scenario.spec.duration) / inputs.time_lapse
        name = plan.scenario.metadata.name
        click.echo(f"{name} under {plan.policy.name}: {format_clock(seconds)}", err=True)

    opened = pipeline.open_world(
        inputs.world, time_lapse=inputs.time_lapse, instance=inputs.instance
    )
    with interrupted_by_signals(), opened as world:
        yield ToldWorld(world, tell) if pipeline.on_the_clock(inputs.world) else world


def _facts(recording: Recording) -> dict[str, Any]:
    """Return a recording in a few figures."""
    from scalecert.checks import billing
    from scalecert.engines.request_log import Status

    status, ready = recording.requests["status"], recording.series["pods.ready"]
    plan = recording.plan
    bill = billing.bill(recording)
    return {
        "scenario": plan.scenario.metadata.name,
        "policy": plan.policy.name,
        "durationSeconds": float(plan.scenario.spec.duration),
        "requests": int(status.size),
        "served": int((status == Status.OK).sum()),
        "peakPerSecond": plan.load.peak_per_second,
        "capacityPerSecond": plan.capacity.requests_per_second,
        "inputTokensMean": plan.load.input_tokens_mean,
        "outputTokensMean": plan.load.output_tokens_mean,
        "readyReplicasLeast": int(ready.min()),
        "readyReplicasMost": int(ready.max()),
        "scaleEvents": sum(event["kind"] == "scale" for event in recording.events),
        "bill": bill,
        "tokensPerCurrencyUnit": bill.tokens_per_currency_unit if bill else None,
    }


def _print(facts: dict[str, Any]) -> None:
    from scalecert.certificate.text import bill_line
    from scalecert.units import format_seconds, times

    click.echo(
        f"{facts['scenario']} under {facts['policy']}: {format_seconds(facts['durationSeconds'])},"
        f" {facts['served']:,} of {facts['requests']:,} requests served"
    )
    click.echo(f"  load up to {_load(facts, 'peakPerSecond')}")
    click.echo(f"  one replica carries {_load(facts, 'capacityPerSecond')}")
    click.echo(
        f"  {facts['readyReplicasLeast']} to {facts['readyReplicasMost']} ready replicas,"
        f" scaled {times(facts['scaleEvents'])}"
    )
    if facts["bill"] is not None:
        click.echo(f"  {bill_line(facts['bill'])}")
    click.echo(f"recorded in {facts['folder']}; judge it: scalecert recheck {facts['folder']}")


def _load(facts: dict[str, Any], rate: str) -> str:
    """Return a rate in requests and in tokens of the run's mean request."""
    per_second = facts[rate]
    inputs, outputs = (per_second * facts[f"{side}TokensMean"] for side in ("input", "output"))
    return f"{per_second:.3g} requests/s ({inputs:,.0f} input + {outputs:,.0f} output tokens/s)"
