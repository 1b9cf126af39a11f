"""The environments of processes that a world starts."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
_ROOT = Path(__file__).resolve().parents[4]


def minimal_environment() -> dict[str, str]:
    """Return what is kept of ours, and what makes `python -m scalecert...` run this package.

    Proxies, Python's settings and Kubernetes' are not in it: nothing of the user's configures what
    has it.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = {"PYTHONPATH": str(_ROOT)} if _is_checkout() else {}
    return kept | path | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def whole_environment() -> dict[str, str]:
    """Return all of ours, in which `python -m scalecert...` runs this package too."""
    paths = [str(_ROOT)] if _is_checkout() else []
    if users := os.environ.get("PYTHONPATH"):
        paths.append(users)
    return dict(os.environ) | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})


def _is_checkout() -> bool:
    """Whether this package is elsewhere than Python looks for packages by itself."""
    return Path(sysconfig.get_path("purelib")).resolve() != _ROOT
