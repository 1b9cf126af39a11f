"""A Locust file: users who read token streams as they come; never imported by pytest.

Every token's time is that of its line, read by `readline`: Locust's `iter_lines` waits for a
kilobyte. Prints one JSON line at the end: answers, tokens, and times to first and to last token.
"""

from __future__ import annotations

import json
import os
import sys
import time

import gevent
from locust import FastHttpUser, events, task

BODY = json.loads(os.environ["STREAM_BODY"])
PATH = os.environ["STREAM_PATH"]
ANSWERS = int(os.environ["STREAM_ANSWERS"])
SEEN: list[tuple[int, float, float]] = []
PROBLEMS: list[str] = []


class Reader(FastHttpUser):
    """Asks again and again, until there are answers enough."""

    @task
    def read(self) -> None:
        """Read one answer."""
        begin = time.perf_counter()
        with self.client.post(PATH, json=BODY, stream=True, catch_response=True) as answer:
            if answer._response is None:
                raise ConnectionError(answer.error)
            times = []
            while line := answer._response.readline(b"\n"):
                if line.startswith(b"data:") and b"[DONE]" not in line:
                    times.append(time.perf_counter() - begin)
            if answer.status_code != 200:
                PROBLEMS.append(f"{answer.status_code}")
            SEEN.append((len(times), times[0], times[-1]))
        if len(SEEN) >= ANSWERS:
            gevent.spawn(self.environment.runner.quit)  # which kills the users, this one too


@events.quitting.add_listener
def tell(**_: object) -> None:
    """Print what was seen."""
    sys.stdout.write("SEEN " + json.dumps({"answers": SEEN, "problems": PROBLEMS}) + "\n")
