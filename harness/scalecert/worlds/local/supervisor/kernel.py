"""What Linux does for a process tree: signals at a parent's death, adoption of orphans.

Numbers are those of `<linux/prctl.h>`; prctl(2) and PR_SET_PDEATHSIG(2const) say what they do.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def signal_at_parents_death(number: int, parent: int) -> None:
    """Have the kernel send this process a signal when the thread that forked it ends.

    Holds through exec, not through fork. To be called in the child before exec; `parent` is the
    process that forked it. If that has ended already, this process ends at once.

    Raises:
        OSError: if the kernel refuses.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, instead of init.

    Raises:
        OSError: if the kernel refuses.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
