"""The pods that discovery and the adapters know, by name."""

from __future__ import annotations

from scalecert.hpa.selectors import Selector
from scalecert.metrics.scrape_config import ScrapedPod


class PodRegistry:
    """Living pods in order of creation, as a list request to the API server answers."""

    def __init__(self) -> None:
        self._pods: dict[str, ScrapedPod] = {}

    def add(self, pod: ScrapedPod) -> None:
        """Add a pod, or replace the one of its name."""
        self._pods[pod.name] = pod

    def remove(self, name: str) -> None:
        """Remove a pod if it is there."""
        self._pods.pop(name, None)

    def names(self, namespace: str, selector: Selector) -> list[str]:
        """Return the names of the namespace's pods that the selector matches."""
        return [
            pod.name
            for pod in self._pods.values()
            if pod.namespace == namespace and selector.matches(pod.labels)
        ]
