"""TGI's histograms, made from the engine's records when someone asks.

Those of whole requests are exact. Those of steps have exact sum and count, but take all steps of a
kind since they were last asked for as equally long. A step's parts are not told apart: all of its
time is the model's (`tgi_batch_forward_duration`), none is the detokenizer's or the router's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scalecert.engines.history import History
from scalecert.engines.tally import Tally
from scalecert.engines.tgi.batch import Batch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]
    Columns = dict[str, Values]

_OF_REQUESTS: dict[str, Callable[[Columns], Values]] = {
    "tgi_request_duration": lambda of: of["last"] - of["queued"] + of["validation"],
    "tgi_request_validation_duration": lambda of: of["validation"],
    "tgi_request_queue_duration": lambda of: of["scheduled"] - of["queued"],
    "tgi_request_inference_duration": lambda of: of["last"] - of["scheduled"],
    "tgi_request_mean_time_per_token_duration": lambda of: (
        (of["last"] - of["scheduled"]) / of["output"]
    ),
    "tgi_request_generated_tokens": lambda of: of["output"],
}
"""What each histogram observes of a finished request."""


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
            import numpy as np

            tally.observe(np.array(waiting, dtype=np.float64))
            waiting.clear()
        return tally

    def of_requests(self, name: str, bounds: tuple[float, ...]) -> Tally:
        """Return a histogram over all requests finished so far."""
        tally = self._tallies.setdefault(name, Tally(bounds))
        if tally.taken < len(self._history):
            columns = self._columns(tally.taken)
            tally.observe(_OF_REQUESTS[name](columns))
            tally.taken = len(self._history)
        return tally

    def of_steps(
        self, name: str, method: str, bounds: tuple[float, ...], steps: int, seconds: float
    ) -> Tally:
        """Return a histogram of steps: so many of a kind so far, of so many seconds in all."""
        key = f"{name} {method}"
        tally = self._tallies.setdefault(key, Tally(bounds))
        if steps > tally.taken:
            import numpy as np

            more, spent = steps - tally.taken, seconds - self._seconds.get(key, 0.0)
            tally.observe(np.array([spent / more]), np.array([float(more)]))
            tally.taken, self._seconds[key] = steps, seconds
        return tally

    def _columns(self, begin: int) -> Columns:
        """Return what the histograms observe, of the requests from `begin` on."""
        import numpy as np

        costs = self._batch.costs
        columns = self._history.columns(begin)
        last = self._batch.log.last_token_seconds
        ends = np.array([last[ident] for ident in self._history.idents(begin)])
        columns["queued"] = columns["arrival"] + costs.arrival_seconds
        columns["last"] = ends - costs.delivery_seconds
        columns["validation"] = np.full(len(ends), costs.arrival_request_seconds)
        return columns
