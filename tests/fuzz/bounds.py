"""What no input may do: take long, take much memory, or get another answer than one line.

Time is CPU time of this process, so that a busy machine makes no difference; memory is address
space, so that an array that is only declared large counts too.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from scalecert.errors import UsageError

CPU_SECONDS = 20.0
MORE_BYTES = 1 << 30
LONGEST_LINE = 1000

T = TypeVar("T")


class TooLongError(BaseException):
    """Raised into code that runs too long; no `except Exception` catches it."""


def answer(work: Callable[[], T]) -> T | None:
    """Return what `work` returns, None if it refused its input in one line, within the bounds."""
    try:
        with _bounded():
            return work()
    except UsageError as error:
        check_line(str(error))
        return None
    except TooLongError as error:
        message = f"more than {CPU_SECONDS:g} s of CPU time, in {error}"
        raise AssertionError(message) from None


def check_line(text: str) -> None:
    """Assert that a text is one line of sane length that a terminal shows as it is."""
    assert text
    assert text.isprintable(), ascii(text[:200])
    assert len(text) <= LONGEST_LINE, f"{len(text)} characters: {text[:200]}..."


@contextmanager
def _bounded() -> Iterator[None]:
    handler = signal.signal(signal.SIGPROF, _interrupt)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = _address_space_bytes()
    try:
        if used is not None:
            resource.setrlimit(resource.RLIMIT_AS, (used + MORE_BYTES, hard))
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number
    calls = []
    while frame is not None and len(calls) < 12:
        calls.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    raise TooLongError(" < ".join(calls))


def _address_space_bytes() -> int | None:
    """Return this process's address space; None where the system does not say (no Linux)."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text().split()[0]) * resource.getpagesize()
