"""`python -m scalecert.worlds.local.monitors CONFIG`: prints `ready` when Prometheus has it all."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import msgspec

from scalecert.errors import ScaleCertError
from scalecert.worlds.local.monitors.config import MonitorsConfig
from scalecert.worlds.local.monitors.process import run


def main(path: str) -> int:
    """Run until the process is ended; return 2 if it can't begin."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        run(msgspec.json.decode(Path(path).read_bytes(), type=MonitorsConfig))
    except (ScaleCertError, OSError, msgspec.ValidationError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - a line, no traceback
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
