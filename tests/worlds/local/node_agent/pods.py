"""Pods as the API server has them, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from scalecert.bundled import bundled
from scalecert.worlds.local.node_agent.pod_objects import PodObject

PLAIN = {"name": "sleeper", "image": "busybox:1"}
SERVER = {
    "name": "server",
    "image": "vllm/vllm-openai:v0.14.0",
    "args": ["--model=meta-llama/Llama-2-7b-chat-hf", "--max-num-seqs=64"],
    "ports": [{"name": "http", "containerPort": 8000}],
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
}
L4 = {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def pod_spec(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the spec of a pod on an L4."""
    return {"containers": list(containers or (SERVER,)), "nodeSelector": L4, **fields}


def pod_object(
    name: str = "pod", spec: dict[str, Any] | None = None, *, node: str = "", **metadata: Any
) -> PodObject:
    """Return a pod as a watch has it; bound if a node is given."""
    given = spec if spec is not None else pod_spec()
    bound = {"nodeName": node} if node else {}
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", **metadata}
    text = json.dumps({"metadata": meta, "spec": given | bound})
    return msgspec.json.decode(text, type=PodObject)


def deployments() -> list[tuple[Path, dict[str, Any]]]:
    """Return the Deployments of all shipped policies, each with its policy's file."""
    return [
        (path, one)
        for path in sorted(bundled("fixtures", "policies").glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if one["kind"] == "Deployment"
    ]
