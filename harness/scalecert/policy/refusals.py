"""Input that is understood but can't be used, each with its next step.

Looked for before any typed reading, so that the message names the cause and not its symptom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scalecert.documents import Document, closest
from scalecert.documents.placeholders import placeholders
from scalecert.documents.reading import TEMPLATE_HINT
from scalecert.errors import UsageError

HPA_KIND = "HorizontalPodAutoscaler"
HPA_VERSION = "autoscaling/v2"
_NEARLY = 0.9
"""Above the likeness of any two kinds that there are, VerticalPodAutoscaler among them."""

_FREE_TEXT = re.compile(r"(?:^|[.\]])(?:args|command|env|annotations|data|volumes|description)\b")
"""Fields whose text is the container's or a person's: shell text and templates may stand there."""


def check_no_template(document: Document) -> None:
    """Raise UsageError if a field holds an unrendered `{{ }}`."""
    for path, text in document.texts():
        if "{{" in text and not _FREE_TEXT.search(path):
            raise document.error(
                "found an unrendered template {{ }}, expected a value",
                field=path,
                hint=TEMPLATE_HINT,
            )


def check_placeholders(document: Document) -> None:
    """Raise UsageError if a field that needs a value holds a placeholder that nobody set."""
    for path, text in document.texts():
        unset = [] if _FREE_TEXT.search(path) else placeholders(text)
        if unset:
            raise document.error(
                f"found the placeholder ${unset[0]}, expected a value",
                field=path,
                hint=f"--set {unset[0]}=VALUE",
            )


def check_hpa_version(document: Document) -> None:
    """Raise UsageError unless an HPA is `autoscaling/v2`."""
    version = document.get_text("apiVersion")
    if version == HPA_VERSION:
        return
    if version in ("autoscaling/v2beta1", "autoscaling/v2beta2"):
        hint = "Kubernetes 1.26 dropped it; write autoscaling/v2, or export it with kubectl get"
    elif version == "autoscaling/v1":
        hint = "export it with kubectl get hpa.v2.autoscaling NAME -o yaml"
    else:
        hint = None
    problem = f"found {version or 'nothing'}, expected {HPA_VERSION}"
    raise document.error(problem, field="apiVersion", hint=hint)


def check_keda(documents: Sequence[Document], hpas: Sequence[Document]) -> None:
    """Raise UsageError for a KEDA ScaledObject whose HPA is not in the input."""
    names = {hpa.get_text("metadata.name") for hpa in hpas}
    for document in documents:
        keda = document.get_text("apiVersion").startswith("keda.sh/")
        if not keda or document.get_text("kind") != "ScaledObject":
            continue
        named = document.get_text("spec.advanced.horizontalPodAutoscalerConfig.name")
        made = named or f"keda-hpa-{document.get_text('metadata.name')}"
        if made not in names:
            raise document.error(
                "found a KEDA ScaledObject, expected the HPA that KEDA made of it",
                field="kind",
                hint=f"export it with kubectl get hpa {made} -o yaml",
            )


def no_hpa(documents: Sequence[Document]) -> UsageError:
    """Return the error about an input without an HPA, which says what was there instead."""
    files = sorted({document.file for document in documents})
    file = files[0] if len(files) == 1 else None
    for document in documents:
        kind = document.get_text("kind")
        if closest(kind, [HPA_KIND], cutoff=_NEARLY):
            problem = f"found {kind}, expected {HPA_KIND}"
            return document.error(problem, field="kind", hint=f"did you mean {HPA_KIND}?")
    kinds = sorted({document.get_text("kind") or "no kind" for document in documents})
    shown = ", ".join(kinds[:6]) or "no document"
    hint = "kubectl get hpa NAME -o yaml exports one"
    if "Kustomization" in kinds:
        hint = "render it first: kubectl kustomize FOLDER | scalecert certify - ..."
    return UsageError(f"found no {HPA_KIND} ({shown})", file=file, hint=hint)
