"""How a client asks TGI: `/generate_stream` and `/generate`, with a prompt of plain words.

From router/src/server.rs and lib.rs. TGI takes no token ids; a short plain word is one token of
any usual vocabulary, with the space before it. A model may end its answer earlier than asked:
there is no `ignore_eos`, so an answer's tokens are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.tgi.flags import value_of


def client(port: int, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
    """Return the client of a server; it closes no idle connection (hyper 1.6.0).

    Args:
        port: on which it listens.
        words: of its command line, as a shell has split them.
        env: the container's plain variables.
    """
    key = value_of("--api-key", words, env)
    return ApiClient(
        port=port,
        streamed=_call("/generate_stream"),
        whole=_call("/generate"),
        headers={"authorization": f"Bearer {key[0]}"} if key else {},
    )


def _call(path: str) -> Call:
    """Return how a path is asked; times are in the headers of whole answers alone."""
    return Call(
        path=path,
        before=b'{"inputs":"',
        word=b" word",
        between=b'","parameters":{"max_new_tokens":',
        after=b"}}",
        piece_end=b"\n\n",
        token=b'"token":',
        tokens_header="x-generated-tokens",
        refusals=(b'"error_type":"overloaded"', b'"error_type":"validation"'),
        queue_headers=("x-validation-time", "x-queue-time"),
        unready=b'{"error":"unhealthy","error_type":"healthcheck"}',
    )
