"""The canary answers a scrape with the time."""

from __future__ import annotations

import re
import urllib.request

from scalecert.clock import unix_seconds
from scalecert.worlds.local.monitors.canary_endpoint import serve_canary


def test_the_canarys_value_is_the_time_of_its_scrape() -> None:
    """Unix seconds, in Prometheus' text format, fresh at every scrape."""
    server = serve_canary("127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
        before = unix_seconds()
        with urllib.request.urlopen(url) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = re.fullmatch(
            r"# TYPE scalecert_canary gauge\nscalecert_canary (\d+\.\d{3})\n", text
        )
        assert found is not None
        rounding = 0.001
        assert before - rounding <= float(found[1]) <= unix_seconds() + rounding
    finally:
        server.shutdown()
        server.server_close()
