"""A Kubernetes control plane on this machine: binaries, certificates, processes, readiness.

`ControlPlane` starts etcd, kube-apiserver and kube-scheduler once per world, and per trial a
kube-controller-manager with the trial's flags and a Prometheus with its configuration. Nothing in
here is a stand-in: the commands are Kubernetes' own.
"""

from __future__ import annotations

from scalecert.worlds.local.control_plane.assets import Assets, find_assets
from scalecert.worlds.local.control_plane.certificates import KeyPair, Pki
from scalecert.worlds.local.control_plane.components import ControllerFlags
from scalecert.worlds.local.control_plane.control_plane import ControlPlane

__all__ = ["Assets", "ControlPlane", "ControllerFlags", "KeyPair", "Pki", "find_assets"]
