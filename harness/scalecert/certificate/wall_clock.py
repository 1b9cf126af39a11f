"""What a certificate says of runs on the clock: how fast they went, and how their load was offered.

Virtual time has none of this: no process is late there, and nothing but the run passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scalecert.certificate.parts import CertificatePart
from scalecert.checks.finding import Finding
from scalecert.checks.load import GENERATOR_ON_TIME
from scalecert.recording.plan import Plan, WallClock


class ClockFacts(CertificatePart, frozen=True, kw_only=True):
    """How the runs were made.

    `time_lapse` is how many seconds of a run passed in one of the clock; `not_scaled` says in a
    sentence each what went on at its own pace. `components` are the versions of what ran.

    Of the load, over all runs: `streamed_share` is the least share of requests that were read token
    by token; `schedule_delay_seconds` the longest p99 of sent - intended, in seconds of the run
    (None: some were never sent), and `achieved_to_asked` the least of the scenarios' first runs.
    """

    time_lapse: int
    not_scaled: tuple[str, ...]
    components: dict[str, str]
    streamed_share: float
    schedule_delay_seconds: float | None = None
    achieved_to_asked: float | None = None


def clock_facts(plans: Sequence[Plan], findings: Iterable[Finding]) -> ClockFacts | None:
    """Return what the plans of all runs say, and what was found of their generators.

    None if they are of virtual time.
    """
    clocks = [plan.wall_clock for plan in plans if plan.wall_clock is not None]
    if not clocks:
        return None
    gates = [finding for finding in findings if finding.id == GENERATOR_ON_TIME]
    delays = [_longest(finding) for finding in gates]
    known = [delay for delay in delays if delay is not None]
    achieved = [
        share
        for finding in gates
        if isinstance(share := finding.evidence.get("achievedToAsked"), int | float)
    ]
    return ClockFacts(
        time_lapse=clocks[0].time_lapse,
        not_scaled=_sentences(clocks),
        components=clocks[0].components,
        streamed_share=min(clock.streamed_share for clock in clocks),
        schedule_delay_seconds=max(known) if known and len(known) == len(delays) else None,
        achieved_to_asked=min(achieved, default=None),
    )


def _longest(finding: Finding) -> float | None:
    """Return the longest delay of any run of the scenario; None if one has none."""
    if finding.band is None:
        return finding.measured
    measured = [result.measured for result in finding.band.runs]
    known = [delay for delay in measured if delay is not None]
    return max(known) if known and len(known) == len(measured) else None


def _sentences(clocks: Iterable[WallClock]) -> tuple[str, ...]:
    """Return each sentence once."""
    return tuple(dict.fromkeys(sentence for clock in clocks for sentence in clock.not_scaled))
