"""`python -m scalecert.worlds.local.metrics_apis CONFIG.json`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from scalecert.worlds.local.metrics_apis.config import read_config
from scalecert.worlds.local.metrics_apis.server import serve

asyncio.run(serve(read_config(Path(sys.argv[1]))))
