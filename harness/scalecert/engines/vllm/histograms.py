"""vLLM's histograms, made from the request log when someone asks.

Histograms of whole requests are exact. Two would need every step: `inter_token_latency_seconds`
(and its former name) has exact sum and count, but puts all gaps of a request into the bucket of
their mean, and takes in a request when it finishes; `iteration_tokens_total` has exact sum and
count, but takes all steps with a prompt for equal, and all without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scalecert.engines.history import History
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tally import Tally

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]
    Columns = dict[str, Values]

_SOURCES: dict[str, Callable[[Columns], Values]] = {
    "vllm:request_prompt_tokens": lambda of: of["input"],
    "vllm:request_generation_tokens": lambda of: of["output"],
    "vllm:request_max_num_generation_tokens": lambda of: of["output"],
    "vllm:request_params_max_tokens": lambda of: of["output"],
    "vllm:request_prefill_kv_computed_tokens": lambda of: of["computed"],
    "vllm:request_params_n": lambda of: of["one"],
    "vllm:request_num_preemptions": lambda of: of["preemptions"],
    "vllm:time_to_first_token_seconds": lambda of: of["first"] - of["arrival"],
    "vllm:inter_token_latency_seconds": lambda of: of["gap"],
    "vllm:time_per_output_token_seconds": lambda of: of["gap"],
    "vllm:request_time_per_output_token_seconds": lambda of: of["gap"],
    "vllm:e2e_request_latency_seconds": lambda of: of["last"] - of["arrival"],
    "vllm:request_queue_time_seconds": lambda of: of["scheduled"] - of["arrival"],
    "vllm:request_prefill_time_seconds": lambda of: of["first"] - of["scheduled"],
    "vllm:request_decode_time_seconds": lambda of: of["last"] - of["first"],
    "vllm:request_inference_time_seconds": lambda of: of["last"] - of["scheduled"],
    "http_request_duration_seconds": lambda of: of["last"] - of["arrival"],
}
"""What each histogram observes of a finished request."""

_PER_GAP = {"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"}
"""Those that observe every gap between tokens instead of once a request."""


class Histograms:
    """The histograms of one engine; each is brought up to date when it is asked for.

    Args:
        history: the finished requests.
        log: when their tokens reached the client.
        arrival_seconds: from the client's clock to the server's.
        delivery_seconds: from the server's clock back to the client's.
        preempted: preemptions by request id.
        cached_tokens: tokens of a prompt that the prefix cache had, by its length.
    """

    def __init__(
        self,
        history: History,
        log: RequestLog,
        *,
        arrival_seconds: float,
        delivery_seconds: float,
        preempted: dict[int, int],
        cached_tokens: Callable[[int], int],
    ) -> None:
        self._history = history
        self._log = log
        self._arrival_seconds = arrival_seconds
        self._delivery_seconds = delivery_seconds
        self._preempted = preempted
        self._cached_tokens = cached_tokens
        self._tallies: dict[str, Tally] = {}

    def tally(self, name: str, bounds: tuple[float, ...]) -> Tally:
        """Return the histogram `name` over all requests finished so far."""
        tally = self._tallies.setdefault(name, Tally(bounds))
        if tally.taken < len(self._history):
            columns = self._columns(tally.taken)
            weights = columns["output"] - 1 if name in _PER_GAP else columns["one"]
            tally.observe(_SOURCES[name](columns), weights)
            tally.taken = len(self._history)
        return tally

    def server_arrival(self, arrival: float) -> float:
        """Return when the server sees a request that its client sent at `arrival`."""
        return arrival + self._arrival_seconds

    def server_first_token(self, ident: int) -> float:
        """Return when the server sent a request's first token; NaN if it has not."""
        return self._log.first_token_seconds[ident] - self._delivery_seconds

    def _columns(self, begin: int) -> Columns:
        """Return what the histograms observe, of the requests from `begin` on."""
        import numpy as np

        columns = self._history.columns(begin)
        idents = self._history.idents(begin)
        first, last = self._log.first_token_seconds, self._log.last_token_seconds
        columns["arrival"] += self._arrival_seconds
        columns["first"] = np.array([first[i] for i in idents]) - self._delivery_seconds
        columns["last"] = np.array([last[i] for i in idents]) - self._delivery_seconds
        columns["one"] = np.ones(len(idents))
        columns["gap"] = (columns["last"] - columns["first"]) / np.maximum(columns["output"] - 1, 1)
        columns["preemptions"] = np.array([float(self._preempted.get(i, 0)) for i in idents])
        cached = [self._cached_tokens(int(tokens)) for tokens in columns["input"]]
        columns["computed"] = columns["input"] - np.array(cached)
        return columns
