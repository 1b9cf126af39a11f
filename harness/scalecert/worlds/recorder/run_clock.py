"""Seconds of the clock and seconds of the run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunClock:
    """When a run began, and how much faster than the clock it goes.

    `t0_unix` is in seconds since 1970; `time_lapse` seconds of the run pass in one of the clock.
    """

    t0_unix: float
    time_lapse: int

    def seconds(self, time_unix: float) -> float:
        """Return the second of the run at a time of the clock; negative before it began."""
        return (time_unix - self.t0_unix) * self.time_lapse

    def unix(self, seconds: float) -> float:
        """Return the time of the clock at a second of the run."""
        return self.t0_unix + seconds / self.time_lapse
