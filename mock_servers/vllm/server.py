"""One vLLM API server: what its endpoints share."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from zlib import crc32

from mock_servers.serving.backend import Backend
from mock_servers.serving.fastapi import body_fields
from mock_servers.serving.http import Exchange
from mock_servers.serving.pydantic_fields import Fields
from mock_servers.vllm import VERSION
from mock_servers.vllm.api_keys import api_keys
from mock_servers.vllm.http_metrics import HttpMetrics
from mock_servers.vllm.ledger import Ledger
from mock_servers.vllm.metrics_page import Page, histogram_bounds
from mock_servers.vllm.refusals import RefusalError, refuse_problems, unknown_model
from scalecert.clock import unix_seconds
from scalecert.engines.flags import listed_values

ID_LENGTH = 16
_JSON_TYPE = "application/json"
_LOAD_FLAG = "--enable-server-load-tracking"


@dataclass(slots=True)
class Server:
    """The state of one API server.

    Attributes:
        backend: the engine.
        http: what its requests add up to.
        ledger: who is in it.
        page: of its metrics.
        names: that the model is served by; the first is in its answers.
        root: the model that was loaded.
        context: the tokens of the longest request, prompt and answer.
        fingerprint: what stands for version and configuration in answers.
        keys: of clients that may ask; none if all may.
        counts_load: whether `/load` counts.
        load: requests being answered, if that is counted.
    """

    backend: Backend
    http: HttpMetrics = field(init=False)
    ledger: Ledger = field(init=False)
    page: Page = field(init=False)
    names: tuple[str, ...] = field(init=False)
    root: str = field(init=False)
    context: int = field(init=False)
    fingerprint: str = field(init=False)
    keys: tuple[bytes, ...] = field(init=False)
    counts_load: bool = field(init=False)
    load: int = 0

    def __post_init__(self) -> None:
        backend, words = self.backend, self.backend.given.words
        self.http = HttpMetrics()
        self.ledger = Ledger(backend.pacer, backend.limits, histogram_bounds(backend))
        self.page = Page(backend, self.ledger, self.http)
        found = backend.given.kind.model_of(words, backend.given.env)
        self.names = tuple(listed_values(words, "--served-model-name")) or (backend.model_name,)
        self.keys = api_keys(words, backend.given.env)
        self.root = found[0] if found else backend.model_name
        self.context = backend.limits.integer("max_model_len")
        self.fingerprint = _fingerprint(backend)
        self.counts_load = _LOAD_FLAG in words

    def check_model(self, asked: str | None) -> None:
        """Refuse a model that the server has not."""
        if asked and asked not in self.names:
            raise unknown_model(asked, ", ".join(self.names))


async def read_object(exchange: Exchange) -> Fields:
    """Return the fields of the JSON object that a request brings.

    Raises:
        RefusalError: if it brings something else.
        UnreadableError: if it brings no text.
    """
    media, _, _ = exchange.header("content-type").lower().partition(";")
    if media != _JSON_TYPE:
        raise RefusalError(
            "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed",
            kind="Bad Request",
        )
    fields = body_fields(await exchange.body())
    refuse_problems(fields)
    return fields


def random_id() -> str:
    """Return an id as vLLM makes them (vllm/utils/__init__.py, random_uuid)."""
    return uuid.uuid4().hex[:ID_LENGTH]


def whole_seconds() -> int:
    """Return the seconds since 1970."""
    return int(unix_seconds())


def _fingerprint(backend: Backend) -> str:
    """Return it as vllm/entrypoints/serve/utils/fingerprint.py makes it, with a hash of our own."""
    ranks = backend.limits.integer("tensor_parallel_size")
    parallel = f"-tp{ranks}" if ranks > 1 else ""
    return f"vllm-{VERSION}{parallel}-{crc32(backend.model_name.encode()):08x}"
