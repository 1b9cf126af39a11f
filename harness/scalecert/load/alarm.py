"""An alarm at an absolute time, by the kernel's own timer.

An event loop rounds its waits up to whole milliseconds, so that every request would be late by
half of one, and a time lapse multiplies that. A timer descriptor (Linux, timerfd_create(2)) is to
the microsecond, and is one more descriptor to the loop. Python has no words for it before 3.13.
"""

from __future__ import annotations

import ctypes
import os
from types import TracebackType

from gevent.socket import wait_read  # type: ignore[import-untyped]

from scalecert.clock import monotonic_seconds

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_NANOSECONDS = 1_000_000_000
_EXPIRATIONS_BYTES = 8


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """Wakes the greenlet that waits for it, on Python's monotonic clock.

    Raises:
        OSError: if the system has no more timers.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS))

    def __enter__(self) -> Alarm:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def wait_until(self, seconds: float) -> None:
        """Return at that time, at once if it has passed; others run meanwhile."""
        if seconds <= monotonic_seconds():
            return
        whole, part = divmod(int(seconds * _NANOSECONDS), _NANOSECONDS)
        timer = _Timer(_Timespec(), _Timespec(whole, part))
        reference = ctypes.byref(timer)
        self._checked(
            self._libc.timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, reference, None)
        )
        wait_read(self._descriptor)
        os.read(self._descriptor, _EXPIRATIONS_BYTES)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
