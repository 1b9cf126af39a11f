"""Lines of JSON to the command line, which shows them while the session goes on.

`cli.child` gives the pipe. A session by bare pytest has none, and nobody is told.
"""

from __future__ import annotations

import json
import os

import pytest


class Events:
    """The pipe, if there is one."""

    def __init__(self, config: pytest.Config) -> None:
        given = config.getoption("scalecert_events")
        inherited = given is not None and not hasattr(config, "workerinput")
        self._descriptor = int(given) if inherited else None
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)  # it is not for the workers of xdist

    @property
    def watched(self) -> bool:
        """Whether there is a command line that shows them."""
        return self._descriptor is not None

    def tell(self, **event: object) -> None:
        """Write one event."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            pytest.exit("nobody waits for the result any more")
