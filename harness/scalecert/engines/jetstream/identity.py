"""How a JetStream server is known: by its image or its command; its versions.

The tags of its images are those of the framework in front (MaxText's `jetstream-v0.2.2`, PyTorch's
`jetstream-v0.2.3`); they are compared with JetStream's own releases as if they were of one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from scalecert.engines.images import image_path

LATEST = "0.3.1.dev0"
"""The state of the main branch, which was never released: what an unknown version is taken for."""

_WORD = re.compile(r"[a-z0-9]+")
_ENGINE_WORDS = frozenset({"jetstream", "maxengine"})
_OTHER_WORDS = frozenset({
    "http", "checkpoint", "benchmark", "locust", "nats", "natsio", "controller",
})  # fmt: skip
"""What stands beside them in images that serve no model: the HTTP server in front of a JetStream
server, converters of checkpoints, load generators, and NATS, which has a JetStream of its own."""

_MODULES = ("maxengine_server", "jetstream.core.implementations.mock.server")
_HTTP_MODULE = "jetstream.entrypoints.http"


def is_jetstream_image(image: str) -> bool:
    """Tell whether a container image is a JetStream server.

    `.../inference/maxengine-server`, `.../jetstream-pytorch-server` and the like; not the
    `jetstream-http` that runs beside them, wherever it lies.
    """
    words = set(_WORD.findall(image_path(image).lower()))
    return bool(words & _ENGINE_WORDS) and not words & _OTHER_WORDS


def is_jetstream_command(words: Sequence[str]) -> bool:
    """Tell whether a command line starts a JetStream server.

    MaxText's `maxengine_server`, PyTorch's `jpt serve`, JetStream's own HTTP entry point.
    """
    return any(_starts(word) for word in words) or any(
        PurePosixPath(first).name == "jpt" and second == "serve"
        for first, second in pairwise(words)
    )


def has_http_entry_point(words: Sequence[str]) -> bool:
    """Tell whether a command line starts the server by its HTTP entry point."""
    return any(word.startswith(_HTTP_MODULE) for word in words)


def _starts(word: str) -> bool:
    module = word.removesuffix(".py")
    return module.endswith(_MODULES) or module.startswith(_HTTP_MODULE)
