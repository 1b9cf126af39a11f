"""The only source of randomness: one named stream per subsystem.

A stream depends on the seed and its names alone, so one more draw in one subsystem
never moves another's numbers, and no process or hash seed matters.
"""

from __future__ import annotations

import hashlib

import numpy as np

Generator = np.random.Generator  # noqa: TID251 - the one place


def stream(seed: int, *names: str) -> Generator:
    """Return the generator of the stream `names` under `seed` (PCG64)."""
    digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
    entropy = int.from_bytes(digest[:16], "big")
    return Generator(np.random.PCG64(entropy))  # noqa: TID251 - the one place
