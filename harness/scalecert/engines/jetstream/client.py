"""How a client asks JetStream: `/v1/generate`, with the ids of a prompt's tokens.

From jetstream/entrypoints/http/api_server.py. Its answer is a stream whether one wants it or not:
JSON objects with nothing between them, one for each token and an empty one at the end. The
server puts its own first token before a prompt (`has_bos` is not a field of the HTTP API).

How many tokens `max_tokens` gives is the framework's: MaxText's server gives one more, PyTorch's
so many (maxengine.py, prefill and generate; jetstream_pt/engine.py, insert).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.flags import last_value
from scalecert.engines.jetstream.arguments import is_of_pytorch
from scalecert.engines.jetstream.identity import has_http_entry_point

IDLE_SECONDS = 5.0
"""uvicorn's `timeout_keep_alive`."""
HTTP_PORT = 8080
"""Of the HTTP entry point (`FLAGS.port` of api_server.py)."""
_PORT_FLAGS = ("--port", "port")


def client(words: Sequence[str], env: Mapping[str, str]) -> ApiClient:  # noqa: ARG001 - none says
    """Return the client of a server.

    Args:
        words: of its command line, as a shell has split them.
        env: the container's plain variables.
    """
    written = (last_value(words, _PORT_FLAGS) or "") if has_http_entry_point(words) else ""
    call = Call(
        path="/v1/generate",
        before=b'{"token_content":{"token_ids":[',
        word=b"100",
        separator=b",",
        between=b']},"max_tokens":',
        after=b"}",
        own_input_tokens=1,
        own_output_tokens=0 if is_of_pytorch(words) else 1,
        piece_end=b'"tokenIds"',
        token=b'"tokenIds"',
    )
    port = int(written) if written.isdecimal() else HTTP_PORT
    return ApiClient(port=port, streamed=call, whole=call, idle_seconds=IDLE_SECONDS)
