"""Waiting for the control plane's processes: each wait has a limit and says what it waited for."""

from __future__ import annotations

import http.client
import operator
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane.certificates import Pki
from scalecert.worlds.local.supervisor.client import Processes

_LOOK_SECONDS: Final = 0.05
"""Between two looks at a condition."""

_REQUEST_SECONDS: Final = 2.0
"""Of one look over the network; a server that starts may accept and not answer."""

_CACHES_WANTED: Final = '"Waiting for caches to sync"'
_CACHES_FILLED: Final = '"Caches are synced"'


def wait_for(
    what: str,
    is_so: Callable[[], bool],
    processes: Processes,
    *,
    of: str,
    limit_seconds: float,
) -> None:
    """Return once a condition holds.

    Args:
        what: the condition, in words that follow "waited for".
        is_so: looks whether it holds.
        processes: of the world.
        of: the process whose log says why, if the condition does not come.
        limit_seconds: how long to look.

    Raises:
        EnvironmentFault: if it takes longer, or any process of the world ended meanwhile; with the
            last line of the log.
    """

    def look() -> bool:
        processes.check()
        return is_so()

    looks = Retrying(
        retry=retry_if_result(operator.not_),
        wait=wait_fixed(_LOOK_SECONDS),
        stop=stop_after_delay(limit_seconds),
    )
    try:
        looks(look)
    except RetryError:
        raise EnvironmentFault(
            f"waited {limit_seconds:g} s for {what}; {of} said last: {processes.last_line(of)}"
        ) from None


def client_context(pki: Pki) -> ssl.SSLContext:
    """Return what a connection to the API server is made with, as its administrator."""
    context = ssl.create_default_context(cafile=pki.ca)
    context.load_cert_chain(pki.admin.certificate, pki.admin.key)
    return context


def answer_status(url: str, context: ssl.SSLContext | None = None) -> int | None:
    """Return the status with which a URL answers, or None if nothing does."""
    place = urlsplit(url)
    host, port = place.hostname or "", place.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_REQUEST_SECONDS, context=context)
        if place.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_REQUEST_SECONDS)
    )
    try:
        connection.request("GET", place.path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def log_says(log: Path, pattern: str) -> bool:
    """Return whether a log has a match of a regular expression."""
    return re.search(pattern, log.read_text(errors="replace")) is not None


def caches_are_filled(log: Path, controllers: int) -> bool:
    """Return whether so many controllers, and all that began to, have read what they work on.

    kube-controller-manager serves no port here that could be asked. Each controller says that it
    waits, and that it has what it waited for; from then on it works.
    """
    text = log.read_text(errors="replace")
    return controllers <= text.count(_CACHES_WANTED) <= text.count(_CACHES_FILLED)
