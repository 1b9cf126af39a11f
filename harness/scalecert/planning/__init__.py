"""Planning: what must be known before a world starts (capacity, bounds, windows)."""

from __future__ import annotations
