"""A sound policy as text, to be spoilt one field at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scalecert.errors import UsageError
from scalecert.policy.loading import load_policies
from scalecert.policy.model import Policy

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: llm
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: llm
  minReplicas: 1
  maxReplicas: 10
  metrics:
  - type: Pods
    pods:
      metric:
        name: prometheus.googleapis.com|vllm:num_requests_running|gauge
      target:
        type: AverageValue
        averageValue: "10"
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llm
spec:
  selector:
    matchLabels: {app: llm}
  template:
    metadata:
      labels: {app: llm}
    spec:
      nodeSelector:
        cloud.google.com/gke-accelerator: nvidia-l4
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.14.0
        args:
        - --model=meta-llama/Llama-2-7b-chat-hf
        - --max-num-seqs=64
        ports:
        - {name: http, containerPort: 8000}
        resources:
          limits: {nvidia.com/gpu: 1}
        readinessProbe:
          httpGet: {path: /health, port: http}
"""

MONITORING = """\
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata:
  name: llm
spec:
  selector:
    matchLabels: {app: llm}
  endpoints:
  - port: http
    interval: 15s
"""


def joined(*documents: str) -> str:
    return "---\n".join(documents)


WHOLE = joined(HPA, DEPLOYMENT, MONITORING)


def changed(text: str, old: str, new: str) -> str:
    """Return the text with its one `old` replaced, so that a test changes what it means to."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Policy]:
    """Load the one policy in a text."""

    def loaded(text: str, sets: Mapping[str, str] | None = None) -> Policy:
        path = tmp_path / "in.yaml"
        path.write_text(text)
        (policy,) = load_policies([str(path)], sets)
        return policy

    return loaded


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return the one line that a text is refused with, its file shortened to `in.yaml`."""

    def refusal(text: str | bytes, sets: Mapping[str, str] | None = None) -> str:
        path = tmp_path / "in.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UsageError) as caught:
            load_policies([str(path)], sets)
        line = str(caught.value).replace(f"{tmp_path}/", "")
        assert "\n" not in line
        return line

    return refusal
