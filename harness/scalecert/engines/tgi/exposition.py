"""What a TGI server's `/metrics` shows: only what has been used.

Counters and gauges come from the engine's state, histograms from its records; nothing is computed
before it is asked for. Requests are taken to come by `/generate_stream`, where the router counts
each once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from scalecert.engines.base import Sample
from scalecert.engines.history import History
from scalecert.engines.metric_families import Family
from scalecert.engines.tally import Tally
from scalecert.engines.tgi.batch import Batch
from scalecert.engines.tgi.histograms import Histograms
from scalecert.engines.tgi.metrics import BY_INPUT, BY_TOTAL, FAMILIES, hundredths

_BY_NAME = {family.name: family for family in FAMILIES}
_QUANTILES = ("0", "0.5", "0.9", "0.95", "0.99", "0.999", "1")
_PARTS = ("tgi_batch_decode_duration", "tgi_batch_filter_duration")
"""Of a step, that the model takes for nothing."""

Shown = tuple[dict[str, str], float]
"""Labels and value."""
Step = tuple[int, float]
"""Steps of a kind, and the seconds of all of them."""


class Exposition:
    """The metrics of one engine.

    Args:
        batch: the engine's state.
        history: its finished requests.
    """

    def __init__(self, batch: Batch, history: History) -> None:
        self.batch = batch
        self._history = history
        self._histograms = Histograms(batch, history)

    def take_counts(self) -> None:
        """Take over what the engine has observed of arrivals and batches."""
        self._histograms.take_counts()

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the samples of the families `names`; those that TGI never had are left out."""
        self._history.take(self.batch.finished)
        self.take_counts()
        return {name: self._family(_BY_NAME[name]) for name in names if name in _BY_NAME}

    def forget_finished(self) -> None:
        """Bring every histogram up to date, and drop the requests that it was made of."""
        self._history.take(self.batch.finished)
        self.take_counts()
        for family in FAMILIES:
            if family.kind == "histogram":
                self._tallies(family)
        self._history.clear()

    def _family(self, family: Family) -> list[Sample]:
        if family.kind == "histogram":
            tallies = self._tallies(family)
            return [
                sample
                for labels, tally in tallies
                if not tally.is_empty
                for sample in tally.samples(family.name, labels, _le)
            ]
        if family.kind == "summary":
            return self._skipped(family.name)
        values = _VALUES[family.name](self)
        if family.kind == "counter":
            values = [(labels, value) for labels, value in values if value]
        return [Sample(family.name, labels, value) for labels, value in values]

    def _skipped(self, name: str) -> list[Sample]:
        """Return the summary of token messages, each of which has one token."""
        messages = float(self.messages())
        if not messages:
            return []
        quantiles = [Sample(name, {"quantile": one}, 0.0) for one in _QUANTILES]
        return [*quantiles, Sample(f"{name}_sum", {}, 0.0), Sample(f"{name}_count", {}, messages)]

    def _tallies(self, family: Family) -> list[tuple[dict[str, str], Tally]]:
        """Return the histograms of a family, each with its labels."""
        name, bounds = family.name, self._bounds(family)
        if name == "tgi_batch_concat_duration":
            # Whatever joins, the source labels it so.
            joined = sum(self.batch.counts.concatenations.values())
            return [({"method": "decode"}, self._steps(name, "decode", bounds, (joined, 0.0)))]
        if family.labels:
            return [
                ({"method": method}, self._steps(name, method, bounds, step))
                for method, step in self.completed().items()
            ]
        if name.startswith("tgi_request_") and name not in {
            "tgi_request_input_length",
            "tgi_request_max_new_tokens",
        }:
            return [({}, self._histograms.of_requests(name, bounds))]
        return [({}, self._histograms.observed(name, bounds))]

    def _steps(self, name: str, method: str, bounds: tuple[float, ...], step: Step) -> Tally:
        steps, seconds = step
        spent = 0.0 if name in _PARTS else seconds
        return self._histograms.of_steps(name, method, bounds, steps, spent)

    def _bounds(self, family: Family) -> tuple[float, ...]:
        if family.buckets is BY_INPUT:
            return hundredths(self.batch.limits.max_input_tokens)
        if family.buckets is BY_TOTAL:
            return hundredths(self.batch.limits.max_total_tokens)
        return family.buckets

    def completed(self) -> dict[str, Step]:
        """Return the completed steps by method: those in which requests joined, and the others."""
        batch, counts = self.batch, self.batch.counts
        mixed = batch.limits.chunking
        decodes = batch.step - (counts.prefill_steps if mixed else 0)
        busy = batch.completed_seconds()
        return {
            "prefill": (counts.prefill_steps, counts.prefill_seconds),
            "decode": (decodes, busy - counts.prefill_seconds),
        }

    def begun(self) -> dict[str, int]:
        """Return the steps by method, the one that runs now included."""
        steps = {method: count for method, (count, _) in self.completed().items()}
        if self.batch.is_in_step():
            steps["prefill" if self.batch.admits else "decode"] += 1
        return steps

    def messages(self) -> int:
        """Return the output tokens sent so far."""
        batch = self.batch
        return batch.counts.first_tokens + batch.decoded_now() - batch.unsent

    def answered(self) -> int:
        """Return the requests that finished."""
        return len(self._history)


def _le(bound: float) -> str:
    """Return a bound as Rust writes it: whole numbers without a point."""
    return repr(bound).removesuffix(".0")


def _queue(of: Exposition) -> list[Shown]:
    seen = of.batch.counts.seen > of.batch.counts.overloaded
    return [({}, float(len(of.batch.waiting)))] if seen else []


def _gauge(read: Callable[[Batch], int]) -> Callable[[Exposition], list[Shown]]:
    """Return a gauge that the loop sets when a step has been completed."""
    return lambda of: [({}, float(read(of.batch)))] if of.batch.counts.prefill_steps else []


def _by(
    label: str, read: Callable[[Exposition], Mapping[str, int]]
) -> Callable[[Exposition], list[Shown]]:
    return lambda of: [({label: value}, float(count)) for value, count in read(of).items()]


def _failures(of: Exposition) -> dict[str, int]:
    counts = of.batch.counts
    return {
        "overloaded": counts.overloaded,
        "validation": of.batch.too_long,
        "dropped": counts.dropped,
    }


def _requests(of: Exposition) -> list[Shown]:
    counts = of.batch.counts
    return [({}, float(counts.seen + counts.withdrawn + of.batch.too_long))]


_VALUES: Mapping[str, Callable[[Exposition], list[Shown]]] = {
    "tgi_queue_size": _queue,
    "tgi_batch_current_size": _gauge(lambda batch: batch.shown()[0]),
    "tgi_batch_current_max_tokens": _gauge(
        lambda batch: batch.shown()[1] * batch.limits.block_size
    ),
    "tgi_batch_concat": _by("reason", lambda of: of.batch.counts.concatenations),
    "tgi_batch_inference_count": _by("method", Exposition.begun),
    "tgi_batch_inference_success": _by(
        "method", lambda of: {method: count for method, (count, _) in of.completed().items()}
    ),
    "tgi_batch_inference_failure": lambda _: [],
    "tgi_request_count": _requests,
    "tgi_request_success": lambda of: [({}, float(of.answered()))],
    "tgi_request_failure": _by("err", _failures),
}
"""How each family that is no histogram is read."""
