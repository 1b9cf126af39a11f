"""Queueing: what mean time per token leaves out, measured, so that its finding can say so."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.checks.finding import format_measure
from scalecert.checks.requests import column, judged, scheduled, served, streamed
from scalecert.recording.latencies import FROM_ARRIVAL
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.recording.quantiles import quantile
from scalecert.units import format_percent

_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Queueing:
    """How long judged requests that were answered waited in their servers' queues.

    `share` is their waits' of their end-to-end time, both summed up; `p95_seconds` is of the waits
    themselves. Both are None where no request was answered.
    """

    share: float | None
    p95_seconds: float | None

    def message(self, plan: Plan) -> str:
        """Return what was left out, and which terms of the objective have it in."""
        terms = [term.text() for term in plan.objective if term.metric in FROM_ARRIVAL]
        if terms:
            judge = f"{' and '.join(terms)} {'judges' if len(terms) == 1 else 'judge'} it"
        else:
            judge = f"a limit of {' or '.join(FROM_ARRIVAL)} would judge it"
        return f"queueing is left out{self._size()}; {judge}"

    def _size(self) -> str:
        if self.share is None or self.p95_seconds is None:
            return ""
        wait = format_measure(self.p95_seconds, "s")
        return f": {format_percent(self.share)} of the end-to-end time, p95 {wait}"

    def evidence(self) -> dict[str, float | None]:
        """Return the figures by name."""
        return {"queueingShare": self.share, "queueingP95Seconds": self.p95_seconds}


def queueing(recording: Recording) -> Queueing:
    """Return the queueing of a recording's judged requests.

    Raises:
        NoDataError: if the recording does not say when requests left the queue.
    """
    chosen = judged(recording) & served(recording) & streamed(recording)
    arrival = column(recording, "arrival_seconds")[chosen]
    waits = scheduled(recording)[chosen] - arrival
    whole = float((column(recording, "last_token_seconds")[chosen] - arrival).sum())
    if whole <= 0:
        return Queueing(None, None)
    return Queueing(float(waits.sum()) / whole, quantile(waits, _QUANTILE))
