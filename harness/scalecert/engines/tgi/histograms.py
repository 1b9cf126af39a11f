"""TGI's histograms, made from the engine's records when someone asks.

Those of whole requests are exact. Those of steps have exact sum and count, but take all steps of a
kind since they were last asked for as equally long. A step's parts are not told apart: all of its
time is the model's (`tgi_batch_forward_duration`), none is the detokenizer's or the router's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import truediv

from scalecert.engines.history import Finished, History
from scalecert.engines.tally import Tally, differences
from scalecert.engines.tgi.batch import Batch


class Histograms:
    """The histograms of one engine; each is brought up to date when it is asked for."""

    def __init__(self, batch: Batch, history: History) -> None:
        self._batch = batch
        self._history = history
        self._tallies: dict[str, Tally] = {}
        self._waiting: dict[str, list[int]] = {
            "tgi_batch_next_size": [],
            "tgi_request_input_length": [],
            "tgi_request_max_new_tokens": [],
        }
        """Observed by the engine since each was asked for."""
        self._seconds: dict[str, float] = {}
        """Of the steps that a tally has."""

    def take_counts(self) -> None:
        """Take over what the engine has observed of arrivals and batches."""
        counts = self._batch.counts
        self._waiting["tgi_batch_next_size"] += counts.batch_sizes
        self._waiting["tgi_request_input_length"] += (prompt for prompt, _ in counts.accepted)
        self._waiting["tgi_request_max_new_tokens"] += (new for _, new in counts.accepted)
        counts.batch_sizes.clear()
        counts.accepted.clear()

    def observed(self, name: str, bounds: tuple[float, ...]) -> Tally:
        """Return a histogram of what the engine observes as it happens."""
        tally = self._tallies.setdefault(name, Tally(bounds))
        waiting = self._waiting[name]
        if waiting:
            tally.observe(waiting)
            waiting.clear()
        return tally

    def of_requests(self, name: str, bounds: tuple[float, ...]) -> Tally:
        """Return a histogram over all requests finished so far."""
        tally = self._tallies.setdefault(name, Tally(bounds))
        if tally.taken < len(self._history):
            tally.observe(_OF_REQUESTS[name](self, self._history.since(tally.taken)))
            tally.taken = len(self._history)
        return tally

    def of_steps(
        self, name: str, method: str, bounds: tuple[float, ...], steps: int, seconds: float
    ) -> Tally:
        """Return a histogram of steps: so many of a kind so far, of so many seconds in all."""
        key = f"{name} {method}"
        tally = self._tallies.setdefault(key, Tally(bounds))
        if steps > tally.taken:
            more, spent = steps - tally.taken, seconds - self._seconds.get(key, 0.0)
            tally.observe([spent / more], [more])
            tally.taken, self._seconds[key] = steps, seconds
        return tally

    def queued(self, of: Finished) -> list[float]:
        """Return when each was put into the queue."""
        lag = self._batch.costs.arrival_seconds
        return [arrival + lag for arrival in of.arrival]

    def lasts(self, of: Finished) -> list[float]:
        """Return when the router had the last token of each."""
        times, delivery = self._batch.log.last_token_seconds, self._batch.costs.delivery_seconds
        return [times[ident] - delivery for ident in of.ident]

    def validations(self, of: Finished) -> list[float]:
        """Return what the router's validation of each took."""
        return [self._batch.costs.arrival_request_seconds] * len(of.ident)

    def durations(self, of: Finished) -> list[float]:
        """Return the time from the beginning of each one's validation to its last token."""
        validation = self._batch.costs.arrival_request_seconds
        return [seconds + validation for seconds in differences(self.lasts(of), self.queued(of))]

    def inferences(self, of: Finished) -> list[float]:
        """Return the time that each was in the batch, between its segments too."""
        return differences(self.lasts(of), of.scheduled)


_OF_REQUESTS: dict[str, Callable[[Histograms, Finished], Sequence[float]]] = {
    "tgi_request_duration": Histograms.durations,
    "tgi_request_validation_duration": Histograms.validations,
    "tgi_request_queue_duration": lambda by, of: differences(of.scheduled, by.queued(of)),
    "tgi_request_inference_duration": Histograms.inferences,
    "tgi_request_mean_time_per_token_duration": lambda by, of: list(
        map(truediv, by.inferences(of), of.output)
    ),
    "tgi_request_generated_tokens": lambda _, of: of.output,
}
"""What each histogram observes of finished requests."""
