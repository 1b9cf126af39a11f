"""Shared by the tests of workloads: documents in one call, and the public traces if at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from scalecert.scalars import decode_hook
from scalecert.workload.model import Workload

Decode = Callable[..., Workload]


@pytest.fixture
def decode() -> Decode:
    """Return a function that decodes a workload: sizes are fixed unless given."""

    def decode_workload(rate: dict, **fields: object) -> Workload:
        fixed = {"distribution": "fixed", "tokens": 100}
        document = {"rate": rate, "sizes": {"input": fixed, "output": fixed}, **fields}
        return msgspec.convert(document, Workload, dec_hook=decode_hook)

    return decode_workload


@pytest.fixture
def public_traces() -> Path:
    """Return the folder of the public traces, which the project may not carry itself."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("SCALECERT_SHARED", beside)) / "data" / "traces"
    if not folder.is_dir():
        pytest.skip("public traces not found: set SCALECERT_SHARED, or put ../shared beside")
    return folder
