"""`python -m mock_servers.accelerator`: the same as `scalecert mock accelerator`."""

import sys

from scalecert.cli import run

sys.exit(run(["mock", "accelerator", *sys.argv[1:]]))
