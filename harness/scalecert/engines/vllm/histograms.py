"""vLLM's histograms, made from the request log when someone asks.

They are exact but for `inter_token_latency_seconds` (and its former name), which would need every
step: it has exact sum and count, but puts all gaps of a request into the bucket of their mean, and
takes in a request when it finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scalecert.engines.history import Finished, History
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tally import Tally, differences


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
            finished = self._history.since(tally.taken)
            weights = [tokens - 1 for tokens in finished.output] if name in _PER_GAP else None
            tally.observe(_SOURCES[name](self, finished), weights)
            tally.taken = len(self._history)
        return tally

    def server_arrival(self, arrival: float) -> float:
        """Return when the server sees a request that its client sent at `arrival`."""
        return arrival + self._arrival_seconds

    def server_first_token(self, ident: int) -> float:
        """Return when the server sent a request's first token; NaN if it has not."""
        return self._log.first_token_seconds[ident] - self._delivery_seconds

    def server_waits(self, waits: Sequence[float]) -> list[float]:
        """Return what the server saw of waits for first tokens at the client's clock."""
        return [wait - self._delivery_seconds - self._arrival_seconds for wait in waits]

    def arrivals(self, of: Finished) -> list[float]:
        """Return when the server saw each."""
        return [arrival + self._arrival_seconds for arrival in of.arrival]

    def firsts(self, of: Finished) -> list[float]:
        """Return when the server sent the first token of each."""
        times = self._log.first_token_seconds
        return [times[ident] - self._delivery_seconds for ident in of.ident]

    def lasts(self, of: Finished) -> list[float]:
        """Return when the server sent the last token of each."""
        times = self._log.last_token_seconds
        return [times[ident] - self._delivery_seconds for ident in of.ident]

    def gaps(self, of: Finished) -> list[float]:
        """Return the mean time between two tokens of each; 0 where there is one only."""
        first, last = self._log.first_token_seconds, self._log.last_token_seconds
        return [
            (last[ident] - first[ident]) / (tokens - 1 or 1)
            for ident, tokens in zip(of.ident, of.output, strict=True)
        ]

    def preemptions(self, of: Finished) -> list[int]:
        """Return how often each was preempted."""
        return [self._preempted.get(ident, 0) for ident in of.ident]

    def computed(self, of: Finished) -> list[int]:
        """Return the tokens of each prompt that the prefix cache did not have."""
        return [tokens - self._cached_tokens(tokens) for tokens in of.input]


_SOURCES: dict[str, Callable[[Histograms, Finished], Sequence[float]]] = {
    "vllm:request_prompt_tokens": lambda _, of: of.input,
    "vllm:request_generation_tokens": lambda _, of: of.output,
    "vllm:request_max_num_generation_tokens": lambda _, of: of.output,
    "vllm:request_params_max_tokens": lambda _, of: of.output,
    "vllm:request_prefill_kv_computed_tokens": Histograms.computed,
    "vllm:request_params_n": lambda _, of: [1.0] * len(of.ident),
    "vllm:request_num_preemptions": Histograms.preemptions,
    "vllm:time_to_first_token_seconds": lambda by, of: differences(by.firsts(of), by.arrivals(of)),
    "vllm:inter_token_latency_seconds": Histograms.gaps,
    "vllm:time_per_output_token_seconds": Histograms.gaps,
    "vllm:request_time_per_output_token_seconds": Histograms.gaps,
    "vllm:e2e_request_latency_seconds": lambda by, of: differences(by.lasts(of), by.arrivals(of)),
    "vllm:request_queue_time_seconds": lambda by, of: differences(of.scheduled, by.arrivals(of)),
    "vllm:request_prefill_time_seconds": lambda by, of: differences(by.firsts(of), of.scheduled),
    "vllm:request_decode_time_seconds": lambda by, of: differences(by.lasts(of), by.firsts(of)),
    "vllm:request_inference_time_seconds": lambda by, of: differences(by.lasts(of), of.scheduled),
    "http_request_duration_seconds": lambda by, of: differences(by.lasts(of), by.arrivals(of)),
}
"""What each histogram observes of finished requests."""

_PER_GAP = {"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"}
"""Those that observe every gap between tokens instead of once a request."""
