"""The simulated cluster: virtual time, pods, routing. `worlds.sim` drives it through a trial."""

from __future__ import annotations
