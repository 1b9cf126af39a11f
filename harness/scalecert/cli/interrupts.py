"""Signals that end the work as Ctrl-C does: what is open is closed, and the exit code is 130."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the work, unless they are ignored (nohup)."""
    with ExitStack() as changed:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before = signal.signal(number, signal.default_int_handler)
                changed.callback(signal.signal, number, before)
        yield
