"""What a JetStream server's metrics port shows, at the moment it is asked.

Gauges are functions that the server calls at each scrape, histograms and the counter are observed
at events. Nothing is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from scalecert.engines.base import Sample
from scalecert.engines.decoding import TIE_SECONDS
from scalecert.engines.history import History
from scalecert.engines.jetstream.metrics import FAMILIES
from scalecert.engines.jetstream.observations import Observations
from scalecert.engines.jetstream.pipeline import Pipeline
from scalecert.engines.metric_families import Family
from scalecert.engines.python_client import written
from scalecert.engines.tally import Tally

_BY_NAME = {family.name: family for family in FAMILIES}
_HISTOGRAMS = [family for family in FAMILIES if family.kind == "histogram"]


class Exposition:
    """The metrics of one engine.

    Args:
        pipeline: the server's state.
        history: its finished requests.
        load_seconds: from its start until it serves.
    """

    def __init__(self, pipeline: Pipeline, history: History, load_seconds: float) -> None:
        self._pipeline = pipeline
        self._history = history
        # The real `id` is the pod's host name.
        self._labels = {"id": f"pod-{pipeline.ordinal}", "idx": "0"}
        self.load_seconds = load_seconds
        self._tallies: dict[str, Tally] = {}
        self._completed = 0
        """Finished requests that were observed to be complete."""
        self._forgotten: dict[str, int] = {}
        """By histogram, how many of its observations nobody keeps any more."""

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the samples of the families `names`; those that JetStream never had are left out.

        Histograms and the counter have none before their first observation.
        """
        self._take_finished()
        return {name: list(self._family(_BY_NAME[name])) for name in names if name in _BY_NAME}

    def forget_finished(self) -> None:
        """Bring every histogram up to date, and drop the requests that it was made of."""
        self._take_finished()
        self._forgotten = {family.name: self._tally(family).taken for family in _HISTOGRAMS}
        self.observed.clear()
        self._history.clear()

    def _take_finished(self) -> None:
        self._history.take(self._pipeline.finished)
        self.observed.completed(self._history.since(self._completed).ident)
        self._completed = len(self._history)

    @property
    def observed(self) -> Observations:
        """What was observed of requests."""
        return self._pipeline.observed

    def _family(self, family: Family) -> Iterator[Sample]:
        labels = {name: value for name, value in self._labels.items() if name in family.labels}
        if family.kind == "histogram":
            tally = self._tally(family)
            if tally.taken:
                yield from tally.samples(family.name, labels, written)
        elif family.kind == "counter":
            if len(self._history):
                yield Sample(family.name, labels, float(len(self._history)))
        elif family.name == "lora_request_info":
            yield from self._lora(labels)
        else:
            yield Sample(family.name, labels, _GAUGES[family.name](self))

    def _lora(self, labels: Mapping[str, str]) -> Iterator[Sample]:
        pipeline = self._pipeline
        if pipeline.step:
            slots = {"max_lora": str(pipeline.limits.slots), "running_lora_adapters": ""}
            yield Sample("lora_request_info", {**labels, **slots}, pipeline.end)

    def _tally(self, family: Family) -> Tally:
        """Return a histogram over everything that was observed so far."""
        tally = self._tallies.setdefault(family.name, Tally(family.buckets))
        begin = tally.taken - self._forgotten.get(family.name, 0)
        values = _OBSERVED[family.name](self, begin)
        if values:
            tally.observe(values)
            tally.taken += len(values)
        return tally

    def waiting(self) -> float:
        """Return the lengths of all three backlogs; what a thread has in hands is in none."""
        pipeline = self._pipeline
        generate, _transferring, transfer, _prefilling = pipeline.parked_places()
        return float(pipeline.backlog() + generate + transfer)

    def prefill_backlog(self) -> float:
        """Return the length of the first of them."""
        return float(self._pipeline.backlog())

    def slots_used(self) -> float:
        """Return the share of slots in use; one that computes its step too many is free already."""
        pipeline = self._pipeline
        return (pipeline.decoding + self._holds_slot()) / pipeline.limits.slots

    def _holds_slot(self) -> bool:
        """Tell whether the generate thread has taken a free slot and waits for whom to give it to.

        It does so while nothing decodes, and while prompts go before decoding, as long as more
        wait (jetstream/core/orchestrator.py, _insert_if_possible): an idle server shows one slot
        in use.
        """
        pipeline = self._pipeline
        if pipeline.free == 0:
            return False
        return not pipeline.generates() or (pipeline.backlog() > 0 and self._takes_prompts())

    def _takes_prompts(self) -> bool:
        """Tell whether a prompt is on the accelerators, or is next on the end of what was."""
        pipeline = self._pipeline
        between = pipeline.now <= pipeline.end + 2 * TIE_SECONDS
        comes = pipeline.can_take() and pipeline.seen_seconds() <= pipeline.end + TIE_SECONDS
        return pipeline.prefilling is not None or (between and comes)

    def prefills(self, begin: int) -> Iterator[tuple[float, float]]:
        """Return prompt tokens and seconds of the prefills from `begin` on."""
        observed = self.observed
        return zip(observed.input_tokens[begin:], observed.prefill_seconds[begin:], strict=True)

    def finished(self, begin: int) -> Iterator[tuple[float, float]]:
        """Yield generate steps and seconds since prefill of finished requests from `begin` on."""
        log, begin = self._pipeline.log, begin + self._history.dropped
        first, last = log.first_token_seconds, log.last_token_seconds
        finished = self._history.since(begin)
        for ident, output in zip(finished.ident, finished.output, strict=True):
            yield max(output - 1, 1), last[ident] - first[ident]


_GAUGES: Mapping[str, Callable[[Exposition], float]] = {
    "jetstream_prefill_backlog_size": Exposition.prefill_backlog,
    "jetstream_transfer_backlog_size": lambda _: 0.0,
    "jetstream_generate_backlog_size": lambda _: 0.0,
    "jetstream_slots_used_percentage": Exposition.slots_used,
    "jetstream_slots_available_percentage": lambda of: 1.0 - of.slots_used(),
    "jetstream_server_startup_latency": lambda of: of.load_seconds,
    "jetstream_model_load_time": lambda of: of.load_seconds,
    "num_requests_waiting": Exposition.waiting,
    "kv_cache_utilization_perc": lambda of: 100.0 * of.slots_used(),
}


_OBSERVED: Mapping[str, Callable[[Exposition, int], Sequence[float]]] = {
    "jetstream_request_input_length": lambda of, begin: of.observed.input_tokens[begin:],
    "jetstream_request_output_length": lambda of, begin: [steps for steps, _ in of.finished(begin)],
    "jetstream_queue_duration": lambda of, begin: of.observed.queue_seconds[begin:],
    "jetstream_time_to_first_token": lambda of, begin: of.observed.prefill_seconds[begin:],
    "jetstream_time_per_output_token": lambda of, begin: [
        seconds / steps for steps, seconds in of.finished(begin)
    ],
    "jetstream_time_per_prefill_token": lambda of, begin: [
        seconds / tokens for tokens, seconds in of.prefills(begin)
    ],
    "jetstream_time_per_request": lambda of, begin: [seconds for _, seconds in of.finished(begin)],
    "jetstream_wait_time_per_request": lambda of, begin: of.observed.wait_seconds[begin:],
}
"""What each histogram observes, from the observation `begin` on that is still kept."""
