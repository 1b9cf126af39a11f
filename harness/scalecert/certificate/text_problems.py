"""What does not pass, as the terminal tells it: causes before consequences, each next step once.

fail signal-reachable in ramp, spike
  unit mismatch: ...
  next: did you mean 0.5 (500m)?
  leads to: ttft-objective, slo-attainment
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from scalecert.certificate.wrapping import wrapped
from scalecert.checks.finding import Finding, Verdict

Paint = Callable[[str, Verdict], str]

_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIPPED)


def problem_lines(findings: Sequence[Finding], paint: Paint) -> Iterator[str]:
    """Yield a paragraph for each next step, with the findings that it is for.

    Those that decide come first, failures before what is open. What follows from another finding is
    named beneath that one alone.
    """
    leads_to: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.cause:
            leads_to.setdefault(finding.cause, {})[finding.id] = None
    for same_step in _by_next_step(findings):
        yield ""
        yield from _paragraph(same_step, leads_to, paint)
    for cause, names in leads_to.items():
        yield ""
        yield from wrapped(f"because of {cause}: {', '.join(names)}")


def _by_next_step(findings: Sequence[Finding]) -> list[list[Finding]]:
    own = [one for one in findings if one.verdict is not Verdict.PASS and not one.cause]
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in sorted(own, key=lambda one: (one.level != "core", _ORDER.index(one.verdict))):
        groups.setdefault((one.level, one.verdict, one.next_step), []).append(one)
    return list(groups.values())


def _paragraph(
    same_step: Sequence[Finding], leads_to: dict[str, dict[str, None]], paint: Paint
) -> Iterator[str]:
    by_check: dict[str, list[Finding]] = {}
    for one in same_step:
        by_check.setdefault(one.id, []).append(one)
    for same in by_check.values():
        yield from _finding(same, paint)
    if same_step[0].next_step:
        yield from wrapped(same_step[0].next_step, first="  next: ")
    for check_id in by_check:
        if names := leads_to.pop(check_id, None):
            yield from wrapped(", ".join(names), first="  leads to: ")


def _finding(same: Sequence[Finding], paint: Paint) -> Iterator[str]:
    """Yield one check's finding, with what every scenario shows of it."""
    first = same[0]
    level = "" if first.level == "core" else " (extended: does not decide)"
    scenarios = ", ".join(one.scenario for one in same)
    yield f"{paint(str(first.verdict), first.verdict)} {first.id} in {scenarios}{level}"
    messages: dict[str, list[str]] = {}
    for one in same:
        messages.setdefault(one.message, []).append(one.scenario)
    for message, where in messages.items():
        yield from wrapped(
            f"{', '.join(where)}: {message}" if len(messages) > 1 else message, first="  "
        )
