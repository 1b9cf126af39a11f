"""ScaleCert certifies autoscaling policies for LLM inference on Kubernetes."""

from __future__ import annotations

__version__ = "0.1.0"
