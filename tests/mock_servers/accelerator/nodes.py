"""Nodes and what their servers say, for the tests of their exporters."""

from __future__ import annotations

from functools import cache

from mock_servers.accelerator.node import Node
from mock_servers.serving.activity import Hold, Look
from scalecert.engines.base import Activity
from scalecert.engines.catalog import load_accelerator
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.exporters.device import Device, bare_device, device_of

GPU_PROFILE = "vllm_llama-2-7b_l4"
TPU_PROFILE = "jetstream_llama-2-7b_v5e-x8"


@cache
def device(profile: str = GPU_PROFILE) -> Device:
    """Return the accelerators of one replica with its model on them."""
    loaded = load_profile(profile)
    limits = engine_kind(loaded.spec.engine).limits(loaded, [], {})
    return device_of(loaded, limits, loaded.spec.accelerator.count)


def hold(pod: str, *places: int, profile: str = GPU_PROFILE) -> Hold:
    """Return a pod's hold of accelerators, of the first ones if none is said."""
    held = device(profile)
    return Hold("prod", pod, "server", "sidecar", held, places or tuple(range(held.count)))


def look(of: Hold, at_seconds: float, busy_share: float = 0.0, *, loaded: bool = True) -> Look:
    """Return what a server says that has been busy for a share of its life."""
    busy = busy_share * at_seconds
    done = Activity(busy, int(20 * busy), int(500 * busy), int(9000 * busy), 100)
    return Look(of, at_seconds, done if loaded else None)


def node(accelerator: str = "l4", count: int = 2) -> Node:
    """Return a node that nobody uses yet."""
    return Node("gke-1", bare_device(load_accelerator(accelerator), count))
