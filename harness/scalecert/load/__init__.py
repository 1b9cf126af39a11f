"""Load on real servers: open loop, from absolute arrival times, each request logged."""

from __future__ import annotations
