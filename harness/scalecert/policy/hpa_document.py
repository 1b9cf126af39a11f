"""An HPA manifest to its spec: typed, defaulted and validated as the API server would."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.documents import Document, decode
from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, decode_hook
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
    read = decode(document, HpaDocument, dec_hook=decode_hook)
    spec = set_defaults_horizontal_pod_autoscaler(read.spec)
    return HpaManifest(read.metadata.name, read.metadata.namespace, spec)
