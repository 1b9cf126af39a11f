"""What `certify` tells on stderr while its cases run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scalecert.cli.child import Event
    from scalecert.pipeline import Inputs, Subject
    from scalecert.suite import Suite


class Progress:
    """One line as each scenario ends; on the clock also how long all takes, and each run begins.

    Args:
        inputs: what the user gave.
        suite: whose cases run.
        subjects: for each of these.
    """

    def __init__(self, inputs: Inputs, suite: Suite, subjects: Sequence[Subject]) -> None:
        self._several = len(subjects) > 1
        self._total = len(subjects) * len(suite.cases)
        self._done = 0
        self.problem: str | None = None
        names = ", ".join(subject.name for subject in subjects)
        self._head = [f"suite {suite.name} {suite.version}: {names}"]
        self._head += clock_lines(inputs, suite, subjects)
        if sys.stderr.isatty():
            self._say_head()

    def _say_head(self) -> None:
        """Say what runs: to people at once, to a log not before it is known that it can run."""
        for line in self._head:
            click.echo(line, err=True)
        self._head = []

    def show(self, event: Event) -> None:
        """Print an event of the plugin.

        Raises:
            UsageError: if a scenario can't be used, which ends the run.
        """
        from scalecert.errors import UsageError

        if "begins" in event:
            self._say_head()
            click.echo(self._begun(event), err=True)
            return
        self._done += 1
        if event["usage"]:
            raise UsageError(event["problem"])
        self._say_head()
        self.problem = self.problem or event["problem"]
        problem = f" ({event['problem']})" if event["problem"] else ""
        line = f"{self._place(event, self._done)}: {event['verdict']}{problem}"
        click.echo(line, err=True)

    def _begun(self, event: Event) -> str:
        """Return the line of a run that begins: `[2/9] ramp, run seed-1: 6 min 40 s`."""
        from scalecert.units import format_clock

        place = self._place(event, self._done + 1)
        return f"{place}, run {event['begins']}: {format_clock(event['seconds'])}"

    def _place(self, event: Event, number: int) -> str:
        name = f"{event['subject']}: " if self._several else ""
        return f"[{number}/{self._total}] {name}{event['scenario']}"


def clock_lines(inputs: Inputs, suite: Suite, subjects: Sequence[Subject]) -> list[str]:
    """Return a line on how long the suite takes, in a world on the clock; none in virtual time."""
    from scalecert import pipeline
    from scalecert.units import format_clock

    if not pipeline.on_the_clock(inputs.world):
        return []
    cases = [pipeline.run_seconds(one, case) for one in subjects for case in suite.cases]
    whole, first = sum(map(sum, cases)), sum(seconds[0] for seconds in cases)
    count = sum(map(len, cases))
    runs = "1 run takes" if count == 1 else f"{count} runs take"
    text = f"{runs} {format_clock(whole / inputs.time_lapse)} or more"
    quick = f" (--quick: {format_clock(first / inputs.time_lapse)})" if whole > first else ""
    return [f"--world {inputs.world}: {text} on the clock{quick}"]
