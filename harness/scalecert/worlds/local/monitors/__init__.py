"""Monitors of world `local`: what Google's operator and the Prometheus Operator do in a cluster.

    PodMonitoring, PodMonitor, ... ─┐ watched            ┌─ prometheus.yml ─► reload
    Services ───────────────────────┼────────► Operator ─┤
    Pods ───────────────────────────┘                    └─ discovered.json (file_sd)

One process a trial: `python -m scalecert.worlds.local.monitors CONFIG`. It answers the canary's
scrapes as well. What a monitor means is read by `scalecert.policy.monitors`, as for any world.
"""

from __future__ import annotations
