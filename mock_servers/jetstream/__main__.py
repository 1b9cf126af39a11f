"""`python -m mock_servers.jetstream`: the same as `scalecert mock jetstream`."""

import sys

from scalecert.cli import run

sys.exit(run(["mock", "jetstream", *sys.argv[1:]]))
