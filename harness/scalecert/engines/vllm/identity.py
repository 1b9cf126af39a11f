"""How a vLLM server is known: by its image or its command; the version that it was read from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from scalecert.engines.images import image_path

LATEST = "0.33.0"
"""The version whose sources the model was read from; what an unknown version is taken for."""

_IMAGE = re.compile(r"(^|[^a-z0-9])vllm([^a-z0-9]|$)")


def is_vllm_image(image: str) -> bool:
    """Tell whether a container image is a vLLM server: `vllm` is a word of its path.

    `vllm/vllm-openai`, `us-docker.pkg.dev/.../pytorch-vllm-serve` and the like.
    """
    return _IMAGE.search(image_path(image).lower()) is not None


def is_vllm_command(words: Sequence[str]) -> bool:
    """Tell whether a command line starts a vLLM server: `vllm serve`, `-m vllm.entrypoints...`.

    Images of a team's own, and llm-d's, have no `vllm` in their name.
    """
    return any(word.startswith("vllm.entrypoints.") for word in words) or any(
        PurePosixPath(first).name == "vllm" and second == "serve"
        for first, second in pairwise(words)
    )
