"""How a TGI server is known: by its image or its command; its version, and what came with which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from scalecert.engines.images import image_path, version_of_image
from scalecert.engines.versions import Versions

LATEST = "3.3.7"
"""The version whose sources the model was read from; what an unknown version is taken for."""
CHUNKING = Versions(since="3.0")
"""Those that compute prompts in chunks."""
FLASHINFER = Versions(since="2.3")
"""Those whose default attention has blocks of one token."""
LAUNCHER = "text-generation-launcher"

_IMAGE = re.compile(r"(^|[^a-z0-9])(text-generation-inference|tgi)([^a-z0-9]|$)")
_IN_NAME = re.compile(r"text-generation-inference[^/]*?\.(\d+)-(\d+)(?:\.|$)")


def is_tgi_image(image: str) -> bool:
    """Tell whether a container image is a TGI server, by a word of its path.

    `ghcr.io/huggingface/text-generation-inference`, Google's
    `.../huggingface-text-generation-inference-cu124.2-3.ubuntu2204.py311` and the like.
    """
    return _IMAGE.search(image_path(image).lower()) is not None


def is_tgi_command(words: Sequence[str]) -> bool:
    """Tell whether a command line starts a TGI server."""
    return any(PurePosixPath(word).name == LAUNCHER for word in words)


def version_of(image: str) -> str | None:
    """Return the version by an image's tag, or by its name as Google's images have it.

    `...-cu124.2-3.ubuntu2204.py311` is 2.3.
    """
    named = _IN_NAME.search(image_path(image))
    return ".".join(named.groups()) if named else version_of_image(image)
