"""An HPA manifest to its spec: typed, defaulted and validated as the API server would."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.documents import Document, closest, decode
from scalecert.errors import UsageError
from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.hpa.validation import (
    FieldError,
    validate_horizontal_pod_autoscaler_name,
    validate_horizontal_pod_autoscaler_spec,
)
from scalecert.policy.manifests import HpaDocument


@dataclass(frozen=True, slots=True)
class HpaManifest:
    """What an HPA manifest says; `namespace` is empty if it does not."""

    name: str
    namespace: str
    spec: HorizontalPodAutoscalerSpec


def read_hpa(document: Document) -> HpaManifest:
    """Return the HPA of an `autoscaling/v2` manifest; its status is passed over.

    Raises:
        UsageError: for the first thing that the API server would refuse.
    """
    read = decode(document, HpaDocument)
    spec = set_defaults_horizontal_pod_autoscaler(read.spec)
    problems = [
        *validate_horizontal_pod_autoscaler_name(read.metadata.name),
        *validate_horizontal_pod_autoscaler_spec(spec),
    ]
    if problems:
        raise _refusal(document, problems)
    return HpaManifest(read.metadata.name, read.metadata.namespace, spec)


def _refusal(document: Document, problems: list[FieldError]) -> UsageError:
    """Return the error about the first problem; the hint suggests a word, or counts the others."""
    first = problems[0]
    _, listed, words = first.problem.partition("one of ")
    near = closest(document.get_text(first.field), words.split(", ")) if listed else None
    hint = f"did you mean {near}?" if near else None
    if hint is None and len(problems) > 1:
        hint = f"and {len(problems) - 1} more, first {problems[1]}"
    return document.error(first.problem, field=first.field, hint=hint)
