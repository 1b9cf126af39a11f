"""The accelerator of a pod, by the labels of its nodes and the resources it asks for.

Label keys are those that GKE, NVIDIA's GPU feature discovery, Karpenter and EKS put on nodes; the
catalogue of accelerators knows their values.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.catalog import accelerator_of_label
from scalecert.policy.model import Container, PodTemplate

ACCELERATOR_LABELS = (
    "cloud.google.com/gke-accelerator",
    "cloud.google.com/gke-tpu-accelerator",
    "nvidia.com/gpu.product",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Accelerators of one replica.

    `name` is the catalogue's, or what the label says if it has none such; empty without a label.
    `source` is the label; `count` is 0 if the container asks for none.
    """

    name: str
    count: int
    source: str


def hardware_of(template: PodTemplate, container: Container, pods_per_replica: int) -> Hardware:
    """Return the accelerators of one replica: those of the container, in every pod of a group."""
    count = container.accelerators() * pods_per_replica
    for label in ACCELERATOR_LABELS:
        if label in template.node_labels:
            value = template.node_labels[label]
            return Hardware(accelerator_of_label(value) or value, count, f"{label}: {value}")
    return Hardware("", count, "")
