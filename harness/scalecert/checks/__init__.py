"""Checks: recording -> findings. Pure functions, one table of ids in `registry.CHECKS`.

Importing this package registers every check that ships, in the order of the reference table.
"""

from __future__ import annotations
