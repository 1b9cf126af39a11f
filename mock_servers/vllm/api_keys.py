"""Who may ask: `--api-key`, or the variable VLLM_API_KEY.

From vllm/entrypoints/serve/middleware/authenticate.py. Only paths of the API are guarded; metrics
and probes are open to all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hmac import compare_digest

from mock_servers.serving.http import Exchange
from scalecert.engines.flags import listed_values

UNAUTHORIZED = b'{"error":"Unauthorized"}'
VARIABLE = "VLLM_API_KEY"
_GUARDED = ("/v1", "/v2", "/inference", "/cohere")


def api_keys(words: Sequence[str], env: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the keys that a server takes; it asks for none if there are none."""
    found = listed_values(words, "--api-key") or [env.get(VARIABLE, "")]
    return tuple(key.encode() for key in found if key)


def may_ask(keys: Sequence[bytes], exchange: Exchange) -> bool:
    """Tell whether a request has a key, or needs none."""
    if not keys or exchange.method == "OPTIONS" or not exchange.path.startswith(_GUARDED):
        return True
    scheme, _, given = exchange.header("authorization").partition(" ")
    if scheme.lower() != "bearer":
        return False
    # All are compared, so that the time it takes tells nothing.
    return True in [compare_digest(given.encode("latin-1"), key) for key in keys]
