"""An author's own suite, for commands that run no pytest: its test files register its checks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalecert.suite import Suite


def load_own_suite(name_or_folder: str) -> Suite:
    """Return a suite, with the checks registered that its test files define or import.

    Modules beside the test files can be imported by them, as in `certify`.

    Raises:
        UsageError: if there is no such suite, or a test file can't be imported.
    """
    from scalecert.suite import find_suite

    suite = find_suite(name_or_folder)
    sys.path.append(str(suite.folder))
    for number, case in enumerate(suite.cases):
        _import(case.test_file, f"scalecert_own_suite_{number}")
    return suite


def _import(path: Path, name: str) -> None:
    from scalecert.errors import UsageError

    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError("is no Python file", file=str(path))
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:
        problem = f"can't be imported: {type(error).__name__}: {error}"
        raise UsageError(problem, file=str(path)) from error
