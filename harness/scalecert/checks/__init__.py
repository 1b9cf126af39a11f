"""Checks: recording -> findings. Pure functions, one table of ids in `registry.CHECKS`.

`judge` is the way in; importing it registers every check that ships (`shipped`).
"""

from __future__ import annotations
