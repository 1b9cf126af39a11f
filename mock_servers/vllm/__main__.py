"""`python -m mock_servers.vllm`: the same as `scalecert mock vllm`."""

import sys

from scalecert.cli import run

sys.exit(run(["mock", "vllm", *sys.argv[1:]]))
