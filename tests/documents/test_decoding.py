"""Typed decoding: each refusal says file, line, field, what was found and what was expected."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from scalecert.documents import decode, load_document, parse_documents
from scalecert.errors import UsageError


class Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Fields of every sort."""

    max_replicas: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind_of: Literal["Pods", "Object"] = "Pods"
    labels: dict[str, str] = {}
    share: float = 0.5
    note: str | None = None


class Ramp(Part, frozen=True, tag_field="shape", tag="ramp"):
    """One member of a tagged union."""

    from_rate: float = 0.0


class Sine(Part, frozen=True, tag_field="shape", tag="sine"):
    """The other member."""

    mean: float = 0.0


class Whole(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A document."""

    api_version: str
    kind: str
    spec: Part = Part()
    parts: tuple[Part, ...] = ()
    rate: Ramp | Sine | None = None
    named: dict[str, Part] = {}


def refusal(body: str, path: str = "") -> UsageError:
    text = f"apiVersion: scalecert.dev/v1\nkind: Whole\n{body}"
    (document,) = parse_documents(text.encode(), "in.yaml")
    with pytest.raises(UsageError) as caught:
        decode(document, Whole if not path else Part, path=path)
    return caught.value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "spec:\n  maxReplica: 3",
            "in.yaml:4: spec.maxReplica: found an unknown field (did you mean maxReplicas?)",
        ),
        (
            "spec:\n  maxReplicas: 2.5",
            "in.yaml:4: spec.maxReplicas: found 2.5, expected a whole number",
        ),
        (
            "spec:\n  maxReplicas: '3'",
            'in.yaml:4: spec.maxReplicas: found "3", expected a whole number',
        ),
        (
            "spec:\n  maxReplicas: 0",
            "in.yaml:4: spec.maxReplicas: found 0, expected a whole number >= 1",
        ),
        (
            "spec: {kindOf: Pd}",
            'in.yaml:3: spec.kindOf: found "Pd", expected one of Object, Pods (did you mean Pods?)',
        ),
        (
            "spec:\n  labels:\n    a: x\n    b.c/d: 1\n",
            "in.yaml:6: spec.labels[b.c/d]: found 1, expected text (put it in quotes)",
        ),
        ("spec: [1]", "in.yaml:3: spec: found a list, expected a mapping"),
        ("spec: {share: yes}", "in.yaml:3: spec.share: found true, expected a number"),
        (
            "spec: {note: 5}",
            "in.yaml:3: spec.note: found 5, expected text (put it in quotes)",
        ),
        (
            "parts:\n- {}\n- note: a\n  labls: {}",
            "in.yaml:6: parts[1].labls: found an unknown field (did you mean labels?)",
        ),
        (
            "rate:\n  shape: rmp",
            'in.yaml:4: rate.shape: found "rmp", expected one of ramp, sine (did you mean ramp?)',
        ),
        (
            "rate:\n  shape: sine\n  fromRate: 1",
            (
                "in.yaml:5: rate.fromRate: found an unknown field "
                "(one of kindOf, labels, maxReplicas, mean, note, shape, share)"
            ),
        ),
        ("rate: {}", "in.yaml:3: rate.shape: found nothing, expected this field"),
        (
            "named:\n  x: {}\n  y: {noted: 1}",
            "in.yaml:5: named.y.noted: found an unknown field (did you mean note?)",
        ),
        (
            "xyz: 1",
            (
                "in.yaml:3: xyz: found an unknown field "
                "(one of apiVersion, kind, named, parts, rate, spec)"
            ),
        ),
    ],
)
def test_refusals(body: str, text: str) -> None:
    """The line is the field's own, and a near word is suggested."""
    assert str(refusal(body)) == text


def test_a_part_is_decoded_with_its_whole_path() -> None:
    """Decoding `spec` alone still names the field from the root of the document."""
    error = refusal("spec:\n  note: 1\n", path="spec")
    assert (error.field, error.line) == ("spec.note", 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: scalecert.dev/v2\nkind: Whole\n", "expected scalecert.dev/v1"),
        ("apiVersion: scalecert.dev/v1\nkind: Whale\n", "did you mean Whole?"),
        ("", "found 0 documents"),
        ("just text", "found no mapping, expected one Whole"),
        ("kind: Whole\n", "apiVersion: found nothing, expected scalecert.dev/v1"),
    ],
)
def test_our_own_documents_are_checked_for_version_and_kind(tmp_path, text, words) -> None:
    """A file of another kind or version is refused before its fields are looked at."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"x\.yaml") as caught:
        load_document(path, "Whole", Whole)
    assert words in str(caught.value)


def test_our_own_documents_are_loaded(tmp_path) -> None:
    """A document that fits becomes its type."""
    path = tmp_path / "x.yaml"
    path.write_text("apiVersion: scalecert.dev/v1\nkind: Whole\nspec: {maxReplicas: 3}\n")
    assert load_document(path, "Whole", Whole).spec == Part(max_replicas=3)
