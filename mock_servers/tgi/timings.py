"""How long the parts of an answered request took, as the router's headers tell.

Seconds of the model, whatever the clock runs at; the same figures as the engine's histograms have
(`scalecert.engines.tgi.histograms`).
"""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.costs import StepCosts

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of one answer."""

    validation_seconds: float
    queue_seconds: float
    inference_seconds: float
    tokens: int

    @classmethod
    def of(cls, costs: StepCosts, times: tuple[float, float, float, float], tokens: int) -> Timings:
        """Return the timings of a request.

        Args:
            costs: of the model's steps.
            times: when it came, was scheduled, had its first and its last token.
            tokens: of its answer.
        """
        arrival, scheduled, _, last = times
        return cls(
            validation_seconds=costs.arrival_request_seconds,
            queue_seconds=max(scheduled - arrival - costs.arrival_seconds, 0.0),
            inference_seconds=last - costs.delivery_seconds - scheduled,
            tokens=tokens,
        )

    @property
    def total_seconds(self) -> float:
        """From the beginning of its validation to its last token."""
        return self.validation_seconds + self.queue_seconds + self.inference_seconds

    def milliseconds(self) -> dict[str, int]:
        """Return what the headers have, by name; whole milliseconds, rounded down."""
        seconds = {
            "x-total-time": self.total_seconds,
            "x-validation-time": self.validation_seconds,
            "x-queue-time": self.queue_seconds,
            "x-inference-time": self.inference_seconds,
            "x-time-per-token": self.inference_seconds / self.tokens,
        }
        return {name: int(value * _MILLISECONDS) for name, value in seconds.items()}
