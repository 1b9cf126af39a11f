"""`scalecert lint`: static checks of manifests, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scalecert.cli import rendering
from scalecert.lines import one_line

if TYPE_CHECKING:
    from scalecert.policy.lint import LintFinding


@click.command("lint")
@click.argument("policies", metavar="POLICY...", nargs=-1, required=True)
@click.option("--profile", metavar="NAME", help="Engine profile, name or file.")
@click.option(
    "--workload",
    metavar="FILE",
    help="Workload whose request sizes to judge by, instead of the core suite's.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a placeholder such as $HPA_AVERAGEVALUE_TARGET; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    policies: tuple[str, ...],
    profile: str | None,
    workload: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> int:
    """Check manifests without running anything.

    POLICY is a file, a folder or - for standard input. Exit codes: 0 nothing fails, 1 a finding
    fails, 2 unusable input.
    """
    found = _findings(policies, profile, workload, settings)
    if as_json:
        rendering.print_json([{"policy": name, "findings": list(one)} for name, one in found])
    else:
        _print(found)
    return int(any(finding.verdict == "fail" for _, findings in found for finding in findings))


def _findings(
    policies: tuple[str, ...],
    profile: str | None,
    workload: str | None,
    settings: tuple[str, ...],
) -> list[tuple[str, tuple[LintFinding, ...]]]:
    """Return the findings by HPA."""
    from scalecert.cli.linting import lint
    from scalecert.cli.traffic import sizes_of, traffic
    from scalecert.documents.placeholders import parse_settings
    from scalecert.policy.loading import load_policies
    from scalecert.policy.resolve import resolve

    loaded = load_policies(policies, parse_settings(settings))
    loads = traffic(workload)
    found = []
    for policy in loaded:
        resolved = resolve(policy, profile)
        found.append((policy.name, lint(policy, resolved, sizes_of(loads, resolved))))
    return found


_LABELS = {
    "fail": ("failed", "failed"),
    "warning": ("warning", "warnings"),
    "pass": ("passed", "passed"),
}
"""What the last line calls one finding of a verdict, and several."""


def _print(found: list[tuple[str, tuple[LintFinding, ...]]]) -> None:
    for name, findings in found:
        for finding in findings:
            hint = f" ({finding.hint})" if finding.hint else ""
            place = f"{finding.file}:{finding.line}"
            line = f"{place}: {finding.verdict}: {finding.id}: {finding.message}{hint}"
            click.echo(one_line(line))
        verdicts: list[str] = [finding.verdict for finding in findings]
        counts = ", ".join(
            f"{verdicts.count(word)} {_LABELS[word][verdicts.count(word) != 1]}"
            for word in ("fail", "warning", "pass")
        )
        click.echo(f"{one_line(name)}: {counts}")
