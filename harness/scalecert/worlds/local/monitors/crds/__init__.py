"""CustomResourceDefinitions of what a policy's manifests may hold and a plain API server lacks.

Schemas are open: a monitor's `spec` is read by `scalecert.policy.monitors`, with its errors. There
is no PrometheusRule and no LeaderWorkerSet: nobody here would evaluate or run them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scalecert.documents import Plain, read_documents


def manifests() -> tuple[Mapping[str, Plain], ...]:
    """Return the definitions, to be applied before any policy is."""
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    found = (document.value for file in files for document in read_documents(file))
    return tuple(one for one in found if isinstance(one, dict))
