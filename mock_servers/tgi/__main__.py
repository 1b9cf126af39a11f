"""`python -m mock_servers.tgi`: the same as `scalecert mock tgi`."""

import sys

from scalecert.cli import run

sys.exit(run(["mock", "tgi", *sys.argv[1:]]))
