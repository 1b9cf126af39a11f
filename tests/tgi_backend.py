"""A TGI mock's backend in the test's own process, for its ASGI application."""

from __future__ import annotations

from functools import partial

from mock_backends import idle_backend

backend = partial(idle_backend, "tgi_llama-2-7b_l4", speed=1e6)
