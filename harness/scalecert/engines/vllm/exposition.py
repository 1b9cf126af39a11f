"""What a vLLM server's `/metrics` shows, as of its last completed step.

Counters and gauges come from the engine's state, histograms from its finished requests; nothing
is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan

from scalecert.engines.base import Sample
from scalecert.engines.history import History
from scalecert.engines.metric_families import Family
from scalecert.engines.python_client import written
from scalecert.engines.tally import Tally
from scalecert.engines.vllm.batch import Batch
from scalecert.engines.vllm.histograms import Histograms
from scalecert.engines.vllm.metrics import FAMILIES, token_buckets

_BY_NAME = {family.name: family for family in FAMILIES}
_HANDLER = {"handler": "/v1/completions", "method": "POST"}

Shown = tuple[dict[str, str], float]
"""Labels beside the family's own, value."""


class Exposition:
    """The metrics of one engine.

    Args:
        batch: the engine's state.
        history: its finished requests.
        model_name: the label `model_name`.
    """

    def __init__(self, batch: Batch, history: History, model_name: str) -> None:
        self._batch = batch
        self._history = history
        self._labels = {"model_name": model_name, "engine": "0"}
        self._histograms = Histograms(
            history,
            batch.log,
            arrival_seconds=batch.costs.arrival_seconds,
            delivery_seconds=batch.costs.delivery_seconds,
            preempted=batch.preempted,
            cached_tokens=lambda tokens: batch.kv.hit_tokens(tokens),  # noqa: PLW0108 - kv changes
        )

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the samples of the families `names`; those that vLLM never had are left out."""
        self._history.take(self._batch.finished)
        return {name: self._family(_BY_NAME[name]) for name in names if name in _BY_NAME}

    def forget_finished(self) -> None:
        """Bring every histogram up to date, and drop the requests that it was made of."""
        self._history.take(self._batch.finished)
        for family in FAMILIES:
            if family.kind == "histogram":
                self._tally(family)
        for ident in self._history.since(0).ident:
            self._batch.preempted.pop(ident, None)
        self._history.clear()

    def _family(self, family: Family) -> list[Sample]:
        if family.kind == "histogram":
            return list(self._histogram(family))
        return [
            Sample(family.name, {**self._own_labels(family), **extra}, value)
            for extra, value in _VALUES[family.name](self)
        ]

    def _own_labels(self, family: Family) -> dict[str, str]:
        return {name: value for name, value in self._labels.items() if name in family.labels}

    def _histogram(self, family: Family) -> Iterator[Sample]:
        tally = self._tally(family)
        if not family.name.startswith("http_"):
            yield from tally.samples(family.name, self._own_labels(family), written)
        elif not tally.is_empty:
            yield from tally.samples(family.name, _HANDLER, written)

    def _tally(self, family: Family) -> Tally:
        bounds = family.buckets or token_buckets(self._batch.limits.max_model_len)
        if family.name == "vllm:iteration_tokens_total":
            return self._steps(bounds)
        tally = self._histograms.tally(family.name, bounds)
        if family.name == "vllm:time_to_first_token_seconds":
            return self._with_unfinished(tally)
        return tally

    def _with_unfinished(self, finished: Tally) -> Tally:
        """Add the first tokens of requests that are not finished, or whose clients went away."""
        histograms = self._histograms
        finished.observe(histograms.server_waits(self._batch.cut_waits))
        self._batch.cut_waits.clear()
        tally = finished.copy()
        waits = (
            histograms.server_first_token(ident) - histograms.server_arrival(arrival)
            for arrival, ident in self._unfinished()
        )
        tally.observe([wait for wait in waits if not isnan(wait)])
        return tally

    def _unfinished(self) -> Iterator[tuple[float, int]]:
        """Yield arrival and id of the requests in the server."""
        for request in self._batch.running.values():
            yield request[0], request[1]
        for waiting in self._batch.waiting:
            yield waiting[0], waiting[1]

    def _steps(self, bounds: tuple[float, ...]) -> Tally:
        """Return the tokens of all steps: those put out, and those of prompts completed in them."""
        batch, tally = self._batch, Tally(bounds)
        sizes = {size: steps for size, steps in enumerate(batch.steps_by_decoding) if steps}
        since_anchor = batch.step - batch.anchor_step
        sizes[batch.decoding] = sizes.get(batch.decoding, 0) + since_anchor
        for steps in (sizes, batch.counts.mixed_steps):
            tally.observe(list(steps), list(steps.values()))
        tally.sum = float(self.generation_tokens() + batch.counts.computed_prompt_tokens)
        return tally

    def generation_tokens(self) -> int:
        """Return the output tokens of all completed steps."""
        sent = sum(tokens for _, tokens in self._batch.sent())
        return self._history.output_tokens + self._batch.cut_tokens + sent

    def computed_tokens(self) -> int:
        """Return the tokens that went through the model, those computed anew aside.

        The last of a prompt's tokens makes the first of the answer, and the answer's last is sent
        without being computed on.
        """
        self._history.take(self._batch.finished)
        counts = self._batch.counts
        prompts = counts.computed_prompt_tokens + counts.cut_prompt_tokens
        return prompts + self.generation_tokens() + self._batch.unsent - counts.prompts

    def successes(self) -> int:
        """Return the requests that finished."""
        return len(self._history)

    @property
    def batch(self) -> Batch:
        """The engine's state."""
        return self._batch


def _gauge(index: int) -> Callable[[Exposition], list[Shown]]:
    return lambda of: [({}, float(of.batch.shown()[index]))]


def _kv_usage(of: Exposition) -> list[Shown]:
    kv = of.batch.kv
    return [({}, of.batch.shown()[2] / kv.usable)]


def _count(read: Callable[[Exposition], float]) -> Callable[[Exposition], list[Shown]]:
    return lambda of: [({}, float(read(of)))]


def _by_label(
    label: str, read: Mapping[str, Callable[[Exposition], float]]
) -> Callable[[Exposition], list[Shown]]:
    return lambda of: [({label: value}, float(count(of))) for value, count in read.items()]


def _none(_: Exposition) -> float:
    return 0.0


def _http_requests(of: Exposition) -> list[Shown]:
    counts = of.batch.counts
    by_status = {
        "2xx": of.successes(),
        "4xx": of.batch.too_long,
        "5xx": counts.rejected_by_requests + counts.rejected_by_tokens,
    }
    return [
        ({**_HANDLER, "status": status}, float(count))
        for status, count in by_status.items()
        if count
    ]


def _cache_config(of: Exposition) -> list[Shown]:
    limits = of.batch.limits
    labels = {
        "block_size": str(limits.block_size),
        "cache_dtype": "auto",
        "kv_cache_size_tokens": str(limits.num_gpu_blocks * limits.block_size),
        "num_gpu_blocks": str(limits.num_gpu_blocks),
    }
    return [(labels, 1.0)]


_queries = _count(lambda of: of.batch.counts.prefix_queries)
_hits = _count(lambda of: of.batch.counts.prefix_hits)
_nothing = _count(_none)

_VALUES: Mapping[str, Callable[[Exposition], list[Shown]]] = {
    # Estimated only with --enable-mfu-metrics.
    "vllm:estimated_flops_per_gpu_total": _nothing,
    "vllm:estimated_read_bytes_per_gpu_total": _nothing,
    "vllm:estimated_write_bytes_per_gpu_total": _nothing,
    "vllm:num_requests_running": _gauge(0),
    "vllm:num_requests_waiting": _gauge(1),
    "vllm:num_requests_waiting_by_reason": _by_label(
        "reason", {"capacity": lambda of: of.batch.shown()[1], "deferred": _none}
    ),
    "vllm:kv_cache_usage_perc": _kv_usage,
    "vllm:gpu_cache_usage_perc": _kv_usage,
    "vllm:engine_sleep_state": _by_label(
        "sleep_state", {"awake": lambda _: 1.0, "weights_offloaded": _none, "discard_all": _none}
    ),
    "vllm:prefix_cache_queries_total": _queries,
    "vllm:prefix_cache_hits_total": _hits,
    "vllm:external_prefix_cache_queries_total": _nothing,
    "vllm:external_prefix_cache_hits_total": _nothing,
    "vllm:mm_cache_queries_total": _nothing,
    "vllm:mm_cache_hits_total": _nothing,
    "vllm:gpu_prefix_cache_queries_total": _queries,
    "vllm:gpu_prefix_cache_hits_total": _hits,
    "vllm:num_preemptions_total": _count(lambda of: of.batch.counts.preemptions),
    "vllm:prompt_tokens_total": _count(lambda of: of.batch.counts.prompt_tokens),
    "vllm:prompt_tokens_by_source_total": _by_label(
        "source",
        {
            "local_compute": lambda of: of.batch.counts.computed_prompt_tokens,
            "local_cache_hit": lambda of: of.batch.counts.cached_prompt_tokens,
            "external_kv_transfer": _none,
        },
    ),
    "vllm:prompt_tokens_cached_total": _count(lambda of: of.batch.counts.cached_prompt_tokens),
    "vllm:prompt_tokens_recomputed_total": _nothing,
    "vllm:prompt_tokens_cached_by_source_total": _by_label(
        "source",
        {
            "device": lambda of: of.batch.counts.cached_prompt_tokens,
            "host": _none,
            "p2p": _none,
            "disk": _none,
            "external_unspecified": _none,
        },
    ),
    "vllm:generation_tokens_total": _count(Exposition.generation_tokens),
    # Outputs end at the length that the workload asks for.
    "vllm:request_success_total": _by_label(
        "finished_reason",
        {
            "stop": _none,
            "length": Exposition.successes,
            "abort": _none,
            "error": _none,
            "repetition": _none,
        },
    ),
    "vllm:admission_rejections_total": _by_label(
        "reason",
        {
            "max_num_queued_reqs": lambda of: of.batch.counts.rejected_by_requests,
            "max_num_queued_tokens": lambda of: of.batch.counts.rejected_by_tokens,
        },
    ),
    "vllm:cache_config_info": _cache_config,
    "http_requests_total": _http_requests,
}
"""How each family that is no histogram is read: labels beside the common ones, and value."""
