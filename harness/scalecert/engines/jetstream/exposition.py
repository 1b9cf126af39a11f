"""What a JetStream server's metrics port shows, at the moment it is asked.

Gauges are functions that the server calls at each scrape, histograms and the counter are observed
at events. Nothing is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from scalecert.engines.base import Sample
from scalecert.engines.history import History
from scalecert.engines.jetstream.metrics import FAMILIES
from scalecert.engines.jetstream.pipeline import Pipeline
from scalecert.engines.metric_families import Family
from scalecert.engines.tally import Tally

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]

_BY_NAME = {family.name: family for family in FAMILIES}


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

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the samples of the families `names`; those that JetStream never had are left out.

        Histograms and the counter have none before their first observation.
        """
        self._history.take(self._pipeline.finished)
        return {name: list(self._family(_BY_NAME[name])) for name in names if name in _BY_NAME}

    def _family(self, family: Family) -> Iterator[Sample]:
        labels = {name: value for name, value in self._labels.items() if name in family.labels}
        if family.kind == "histogram":
            tally = self._tally(family)
            if tally.taken:
                yield from tally.samples(family.name, labels)
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
        values = _OBSERVED[family.name](self, tally.taken)
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
        return self._pipeline.decoding / self._pipeline.limits.slots

    def prefills(self, begin: int) -> tuple[Values, Values]:
        """Return prompt tokens and seconds of the prefills from `begin` on."""
        import numpy as np

        observed = self._pipeline.observed
        return np.array(observed.input_tokens[begin:]), np.array(observed.prefill_seconds[begin:])

    def queueing(self, begin: int) -> Values:
        """Return the seconds in backlogs of requests that got a slot, from `begin` on."""
        import numpy as np

        return np.array(self._pipeline.observed.queue_seconds[begin:])

    def finished(self, begin: int) -> tuple[Values, Values]:
        """Return generate steps and seconds since prefill of finished requests from `begin` on."""
        import numpy as np

        log, idents = self._pipeline.log, self._history.idents(begin)
        first = np.array([log.first_token_seconds[ident] for ident in idents])
        last = np.array([log.last_token_seconds[ident] for ident in idents])
        steps = np.maximum(self._history.columns(begin)["output"] - 1, 1)
        return steps, last - first


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


def _by_step(of: Exposition, begin: int) -> Values:
    steps, seconds = of.finished(begin)
    return seconds / steps


def _by_prompt_token(of: Exposition, begin: int) -> Values:
    tokens, seconds = of.prefills(begin)
    return seconds / tokens


def _nothing(of: Exposition, begin: int) -> Values:
    return of.queueing(begin)[:0]


_OBSERVED: Mapping[str, Callable[[Exposition, int], Values]] = {
    "jetstream_request_input_length": lambda of, begin: of.prefills(begin)[0],
    "jetstream_request_output_length": lambda of, begin: of.finished(begin)[0],
    "jetstream_queue_duration": lambda of, begin: of.queueing(begin),
    "jetstream_time_to_first_token": lambda of, begin: of.prefills(begin)[1],
    "jetstream_time_per_output_token": _by_step,
    "jetstream_time_per_prefill_token": _by_prompt_token,
    "jetstream_time_per_request": lambda of, begin: of.finished(begin)[1],
    "jetstream_wait_time_per_request": _nothing,
}
"""What each histogram observes, from the observation `begin` on."""
