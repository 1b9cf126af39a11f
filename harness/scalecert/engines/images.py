"""Container images: the path that names what is in them, and the version in their tag."""

from __future__ import annotations

import re

_TAG = re.compile(r"v?(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)(?:\D.*)?")


def image_path(image: str) -> str:
    """Return an image without tag and digest."""
    path = image.split("@", 1)[0]
    head, colon, tag = path.rpartition(":")
    return head if colon and "/" not in tag else path


def version_of_image(image: str) -> str | None:
    """Return the version in an image's tag (`v0.9.1`, `0.11.0-cu128`), None if it has none."""
    without_digest = image.split("@", 1)[0]
    _, colon, tag = without_digest.rpartition(":")
    match = _TAG.fullmatch(tag) if colon and "/" not in tag else None
    return match.group(1) if match else None
