"""JSON Schemas: published as they are, and true of what the harness reads and writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from factories import make_plan

from scalecert.bundled import bundled
from scalecert.cli import schemas
from scalecert.documents import canonical_json
from scalecert.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def check(name: str, value: Any) -> None:
    described = schemas.schema(name)
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.Draft202012Validator(described).validate(value)


@pytest.mark.parametrize("name", schemas.names())
def test_published_schemas_are_fresh(name: str):
    """What docs/reference says is what the code reads (tools/write_reference.py writes it)."""
    assert (REFERENCE / f"{name}.schema.json").read_text() == schemas.schema_text(name)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("scenario", "suites/*/*.yaml"),
        ("suite", "suites/*/suite.yaml"),
        ("profile", "fixtures/profiles/*_*_*.yaml"),
        ("accelerators", "fixtures/profiles/accelerators.yaml"),
        ("models", "fixtures/profiles/models.yaml"),
    ],
)
def test_what_ships_is_valid(name: str, pattern: str):
    """An editor marks nothing in our own files."""
    documents = [yaml.safe_load(file.read_text()) for file in sorted(bundled().glob(pattern))]
    if name == "scenario":
        documents = [one for one in documents if one["kind"] == "Scenario"]
    assert documents
    for document in documents:
        check(name, document)


def test_a_plan_is_valid():
    """scenario.json of a recording is what its schema says, durations and rates included."""
    check("plan", yaml.safe_load(canonical_json(make_plan(checks=["ttft-objective"]))))


@pytest.mark.parametrize(
    ("field", "value"),
    [("duration", "soon"), ("level", "best"), ("checks", [{"name": "x"}]), ("wy", "typo")],
)
def test_what_the_harness_refuses_an_editor_marks(field: str, value: Any):
    """Wrong words, wrong types and unknown fields."""
    scenario = yaml.safe_load(bundled("suites", "core", "steady.yaml").read_text())
    scenario["spec"][field] = value
    with pytest.raises(jsonschema.ValidationError):
        check("scenario", scenario)


def test_editors_complete_the_ids_of_checks():
    """Those that ship are listed; an author's own are no error."""
    scenario = yaml.safe_load(bundled("suites", "core", "steady.yaml").read_text())
    scenario["spec"]["checks"].append({"id": "my-own"})
    check("scenario", scenario)
    listed = schemas.schema("scenario")["$defs"]["CheckRequest"]["properties"]["id"]["anyOf"]
    assert "ttft-objective" in listed[0]["enum"]


def test_unknown_documents_get_a_suggestion():
    """`scalecert schema scenaro`."""
    with pytest.raises(UsageError, match="did you mean scenario"):
        schemas.schema("scenaro")
