"""What a generator's process is told by its environment: Locust takes no arguments of ours."""

from __future__ import annotations

FOLDER = "SCALECERT_LOAD_FOLDER"
GENERATOR = "SCALECERT_LOAD_GENERATOR"

MASTER_PORT = 5557
"""Of Locust's master."""
