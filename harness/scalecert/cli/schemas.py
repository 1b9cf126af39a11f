"""JSON Schemas of the documents, for editors and validators.

Made from the types that read the documents, so they can't differ. `tools/write_reference.py`
publishes them under docs/reference, and `scalecert schema NAME` prints one.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from scalecert.documents import did_you_mean
from scalecert.errors import UsageError
from scalecert.scalars import schema_hook

_BASE = "https://scalecert.dev/schemas/v1"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def names() -> tuple[str, ...]:
    """Return the documents that have a schema; `docs/reference/<name>.schema.json` has it."""
    return tuple(_types())


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of document.

    Raises:
        UsageError: if there is no such document, naming the nearest.
    """
    types = _types()
    if name not in types:
        hint = did_you_mean(name, types)
        raise UsageError(f"found {name!r}, expected the name of a document", hint=hint)
    described = msgspec.json.schema(types[name], schema_hook=schema_hook)
    head = {"$schema": _DIALECT, "$id": f"{_BASE}/{name}.schema.json"}
    return {**head, **_with_limits(_with_check_ids(described))}


def _with_limits(described: dict[str, Any]) -> dict[str, Any]:
    """Let a profile's limits be those of some engine: which one is said beside them."""
    from scalecert.engines.registry import engine_kinds

    profile = described["$defs"].get("ProfileSpec")
    if profile is not None:
        limits, parts = msgspec.json.schema_components(
            [kind.profile_limits for kind in engine_kinds()],
            schema_hook=schema_hook,
            ref_template="#/$defs/{name}",
        )
        described["$defs"] |= parts
        profile["properties"]["limits"] = {"anyOf": list(limits)}
    return described


def _with_check_ids(described: dict[str, Any]) -> dict[str, Any]:
    """Let editors complete the ids of the checks that ship; an author may add others."""
    from scalecert.checks.shipped import shipped

    request = described["$defs"].get("CheckRequest")
    if request is not None:
        request["properties"]["id"] = {
            "anyOf": [
                {"enum": [check.id for check in shipped()]},
                {"type": "string"},
            ]
        }
    return described


def schema_text(name: str) -> str:
    """Return the schema as it is published: JSON in the order of the fields, indented."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _types() -> dict[str, type[msgspec.Struct]]:
    from scalecert.certificate.document import Certificate
    from scalecert.engines.catalog import AcceleratorCatalog, ModelCatalog
    from scalecert.engines.profiles import EngineProfile
    from scalecert.recording.plan import Plan
    from scalecert.scenario.model import Scenario
    from scalecert.suite import SuiteFile
    from scalecert.workload.override import WorkloadFile

    return {
        "scenario": Scenario,
        "suite": SuiteFile,
        "workload": WorkloadFile,
        "profile": EngineProfile,
        "accelerators": AcceleratorCatalog,
        "models": ModelCatalog,
        "plan": Plan,
        "certificate": Certificate,
    }
