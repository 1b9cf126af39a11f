"""How a vLLM server is known: by its image or its command; its version, in tags and compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

LATEST = "0.33.0"
"""The version whose sources the model was read from; what an unknown version is taken for."""

_IMAGE = re.compile(r"(^|[^a-z0-9])vllm([^a-z0-9]|$)")
_TAG = re.compile(r"v?(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)(?:\D.*)?")


def is_vllm_image(image: str) -> bool:
    """Tell whether a container image is a vLLM server: `vllm` is a word of its path.

    `vllm/vllm-openai`, `us-docker.pkg.dev/.../pytorch-vllm-serve` and the like.
    """
    return _IMAGE.search(_path(image).lower()) is not None


def is_vllm_command(words: Sequence[str]) -> bool:
    """Tell whether a command line starts a vLLM server: `vllm serve`, `-m vllm.entrypoints...`.

    Images of a team's own, and llm-d's, have no `vllm` in their name.
    """
    return any(word.startswith("vllm.entrypoints.") for word in words) or any(
        PurePosixPath(first).name == "vllm" and second == "serve"
        for first, second in pairwise(words)
    )


def version_of_image(image: str) -> str | None:
    """Return the version in an image's tag (`v0.9.1`, `0.11.0-cu128`), None if it has none."""
    without_digest = image.split("@", 1)[0]
    _, colon, tag = without_digest.rpartition(":")
    match = _TAG.fullmatch(tag) if colon and "/" not in tag else None
    return match.group(1) if match else None


def at_least(version: str | None, since: str) -> bool:
    """Tell whether a version is `since` or later; one that is not known is the latest."""
    return _parts(version or LATEST) >= _parts(since)


def _parts(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _path(image: str) -> str:
    """Return an image without tag and digest."""
    path = image.split("@", 1)[0]
    head, colon, tag = path.rpartition(":")
    return head if colon and "/" not in tag else path
