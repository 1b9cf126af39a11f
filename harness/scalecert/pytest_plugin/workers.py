"""Processes that make the runs of one case side by side, as `--scalecert-jobs` asks.

Workers of xdist have cases side by side already, so they make theirs one after the other.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager

import pytest

from scalecert.errors import EnvironmentFault


def start(config: pytest.Config) -> Executor | None:
    """Return the workers of this session, None if everything is done in this process."""
    jobs = int(config.getoption("scalecert_jobs"))
    if jobs < 2 or hasattr(config, "workerinput"):
        return None
    # Fresh processes: a fork would take over pytest's state, and numpy's threads are not in it.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_belong_to_parent)


@contextmanager
def losses_told() -> Iterator[None]:
    """Let the loss of a worker be told as what it mostly is.

    Raises:
        EnvironmentFault: if one ended before its work did.
    """
    try:
        yield
    except BrokenExecutor as error:
        raise EnvironmentFault(
            "a process that made runs was killed, mostly for want of memory: fewer --jobs need less"
        ) from error


def _belong_to_parent() -> None:
    """End with the session, however it ends, and at once at Ctrl-C, which it tells itself.

    A worker waits for work on a pipe that it holds open itself, so a session that is killed would
    leave it waiting for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
