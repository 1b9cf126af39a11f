"""The environment that a world's processes have: nothing of the user's configures them."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
_ROOT = Path(__file__).resolve().parents[4]


def minimal_environment() -> dict[str, str]:
    """Return what is kept of ours, and what makes `python -m scalecert...` run this package.

    Proxies, Python's settings and Kubernetes' are not in it.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    installed = Path(sysconfig.get_path("purelib")).resolve() == _ROOT
    path = {} if installed else {"PYTHONPATH": str(_ROOT)}
    return kept | path | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
