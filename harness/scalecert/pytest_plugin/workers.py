"""Processes that make the runs of one case side by side, as `--scalecert-jobs` asks.

Workers of xdist have cases side by side already, so they make theirs one after the other.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor

import pytest


def start(config: pytest.Config) -> Executor | None:
    """Return the workers of this session, None if everything is done in this process."""
    jobs = int(config.getoption("scalecert_jobs"))
    if jobs < 2 or hasattr(config, "workerinput"):
        return None
    # Fresh processes: a fork would take over pytest's state, and numpy's threads are not in it.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_belong_to_parent)


def _belong_to_parent() -> None:
    """Leave interrupts to the session, and end with it however it ends.

    A worker waits for work on a pipe that it holds open itself, so a session that is killed would
    leave it waiting for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
