"""World `local`: a trial on a real control plane, Prometheus and mock servers as processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scalecert.errors import UsageError
from scalecert.worlds.base import World


@contextmanager
def open_local_world(instance: str, *, time_lapse: int) -> Iterator[World]:
    """Open the world."""
    raise UsageError(f"no world yet: {instance} {time_lapse}", field="--world")
    yield
