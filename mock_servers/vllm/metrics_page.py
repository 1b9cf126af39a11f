"""The metrics page of a vLLM server.

What the engine counts comes from its model; what the API server knows better stands in its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.python_metrics import Family, python_client_page
from mock_servers.serving.python_process import python_process_families
from mock_servers.vllm.cache_config import cache_config_labels
from mock_servers.vllm.http_metrics import HttpMetrics
from mock_servers.vllm.ledger import LONGEST, MAX_TOKENS, Ledger, N
from scalecert.engines.base import Sample
from scalecert.engines.python_client import written
from scalecert.engines.versions import ALL_VERSIONS, Versions

_REASONS = {
    "stop": ALL_VERSIONS,
    "length": ALL_VERSIONS,
    "abort": ALL_VERSIONS,
    "error": Versions(since="0.13.0"),
    "repetition": Versions(since="0.17.0"),
}
"""How requests end (vllm/v1/engine/__init__.py, FinishReason)."""

_SUCCESS = "vllm:request_success_total"
_REJECTIONS = "vllm:admission_rejections_total"
_CONFIG = "vllm:cache_config_info"
_KV_CACHE = "vllm:kv_cache_usage_perc"
_WAITING = "vllm:num_requests_waiting"


def histogram_bounds(backend: Backend) -> dict[str, Sequence[float]]:
    """Return the bounds of the histograms that a server's ledger keeps, by name."""
    samples = backend.pacer.samples((N, MAX_TOKENS, LONGEST))
    bounds = {
        name: [float(one.labels["le"]) for one in found if "le" in one.labels]
        for name, found in samples.items()
    }
    return {name: [le for le in found if le < math.inf] for name, found in bounds.items()}


class Page:
    """The page of one server.

    Args:
        backend: the engine.
        ledger: of the API server.
        http: of the API server.
    """

    def __init__(self, backend: Backend, ledger: Ledger, http: HttpMetrics) -> None:
        self._backend = backend
        self._ledger = ledger
        self._http = http
        self._labels = {"model_name": backend.model_name, "engine": "0"}
        words = backend.given.words
        self._config = cache_config_labels(
            backend.limits,
            backend.metrics_version,
            blocks_given=any("num-gpu-blocks-override" in word for word in words),
        )
        self._instead: Mapping[str, Callable[[Sequence[Sample]], Sequence[Sample]]] = {
            _SUCCESS: self._successes,
            _REJECTIONS: self._rejections,
            _CONFIG: lambda _: [Sample(_CONFIG, self._config, 1.0)],
            N: lambda _: self._tally(N),
            MAX_TOKENS: lambda _: self._tally(MAX_TOKENS),
            LONGEST: lambda _: self._tally(LONGEST),
        }

    def text(self) -> bytes:
        """Return the page as it is now."""
        engine = list(self._engine_families())
        self._ledger.settle()
        told = [
            (info, self._instead[info.name](samples) if info.name in self._instead else samples)
            for info, samples in engine
        ]
        since = self._backend.started_unix_seconds
        process = python_client_page(python_process_families(), None)
        return process + python_client_page([*told, *self._http.families()], since)

    def load(self) -> dict[str, float]:
        """Return what load balancers are told: waiting requests and usage of the KV cache.

        vllm/entrypoints/serve/utils/orca_metrics.py.
        """
        samples = self._backend.pacer.samples((_WAITING, _KV_CACHE))
        return {
            "num_requests_waiting": samples[_WAITING][0].value,
            "kv_cache_usage_perc": samples[_KV_CACHE][0].value,
        }

    def _engine_families(self) -> Iterator[Family]:
        for info, samples in self._backend.families():
            if info.name.startswith("vllm:"):
                yield info, samples

    def _successes(self, _: Sequence[Sample]) -> list[Sample]:
        finished, version = self._ledger.finished, self._backend.metrics_version
        return [
            Sample(_SUCCESS, {**self._labels, "finished_reason": reason}, float(finished[reason]))
            for reason, versions in _REASONS.items()
            if version in versions
        ]

    def _rejections(self, samples: Sequence[Sample]) -> list[Sample]:
        """Add what the API server kept out to what the engine did."""
        kept_out = self._ledger.kept_out
        return [
            Sample(one.name, one.labels, one.value + kept_out[one.labels["reason"]])
            for one in samples
        ]

    def _tally(self, name: str) -> list[Sample]:
        return list(self._ledger.tallies[name].samples(name, self._labels, written))
