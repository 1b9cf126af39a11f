"""`scalecert explain`: what a check, a scenario or a rule of `lint` is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from scalecert.cli import rendering
from scalecert.cli.own_suite import load_own_suite

if TYPE_CHECKING:
    from scalecert.checks.registry import Check
    from scalecert.policy.lint import LintRule
    from scalecert.suite import Case, Suite


@click.command("explain")
@click.argument("word", metavar="[ID]", required=False)
@click.option(
    "--suite", metavar="FOLDER", help="Suite of your own, whose cases and checks are known too."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(word: str | None, suite: str | None, as_json: bool) -> None:
    """Say what a check, scenario or lint rule is for.

    Without ID, all are listed.
    """
    facts = _everything([] if suite is None else [load_own_suite(suite)])
    if word is None:
        _list(facts, as_json=as_json)
        return
    if word not in facts:
        from scalecert.documents import did_you_mean
        from scalecert.errors import UsageError

        hint = did_you_mean(word, facts) or "scalecert explain lists them all"
        raise UsageError(
            f"found {word!r}, expected the id of a check, scenario or lint rule", hint=hint
        )
    if as_json:
        rendering.print_json(facts[word])
        return
    click.echo(f"{word} ({facts[word]['kind']}, {facts[word]['level']}): {facts[word]['title']}")
    rows = {key: str(text) for key, text in facts[word].items() if key not in _HEAD and text}
    rendering.print_facts(rows)


_HEAD = {"kind", "level", "title"}


def _everything(own: Sequence[Suite]) -> dict[str, dict[str, Any]]:
    """Return what is known of every id: the scenarios, then checks, cases and rules of lint."""
    from scalecert.certificate.completeness import OF_CASES
    from scalecert.checks.registry import CHECKS
    from scalecert.checks.shipped import shipped
    from scalecert.policy.lint import RULES
    from scalecert.suite import suites

    scenarios = {case.id: _of_case(case) for suite in (*suites(), *own) for case in suite.cases}
    shipped()  # which registers them; an own suite has registered its own
    checks = {check.id: _of_check(check) for check in CHECKS.values()}
    rules = {rule.id: _of_rule(rule) for rule in RULES}
    about_cases = {
        word: {"kind": "case", "level": "core", "title": question, "question": question}
        for word, question in OF_CASES.items()
    }
    return scenarios | checks | about_cases | rules


def _of_case(case: Case) -> dict[str, Any]:
    from scalecert.units import format_seconds

    spec = case.scenario.spec
    return {
        "kind": "scenario",
        "level": spec.level,
        "title": case.scenario.metadata.title,
        "why": spec.why,
        "suite": f"{case.suite.name} {case.suite.version}",
        "duration": format_seconds(spec.duration),
        "checks": ", ".join(request.id for request in spec.checks),
        "file": str(case.path),
    }


def _of_rule(rule: LintRule) -> dict[str, Any]:
    return {
        "kind": "lint",
        "level": rule.worst,
        "title": rule.question,
        "why": rule.why,
        "command": "scalecert lint FILE",
    }


def _of_check(check: Check) -> dict[str, Any]:
    from scalecert.checks.reference import limit_text

    return {
        "kind": "check",
        "level": check.level,
        "title": check.title,
        "question": check.question,
        "formula": check.formula,
        "limit": limit_text(check),
        "unit": check.unit,
        "source": check.source,
    }


def _list(facts: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        rendering.print_json(facts)
        return
    rendering.print_table(
        [(word, fact["kind"], fact["level"], fact["title"]) for word, fact in facts.items()],
        indent="",
    )
