"""The agent's log, on stderr: a line at a time, what is as true of the next pod once."""

from __future__ import annotations

import sys

from scalecert.clock import utc_now
from scalecert.lines import one_line


class Log:
    """Lines for people."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{utc_now()} {one_line(text)}\n")
        sys.stderr.flush()

    def say_once(self, text: str) -> None:
        """Write a line that was not written before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)
