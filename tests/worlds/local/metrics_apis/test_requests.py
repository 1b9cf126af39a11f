"""URLs of the metrics APIs as the autoscaler's clients write them."""

from __future__ import annotations

import pytest

from scalecert.worlds.local.metrics_apis.requests import Asked, read_request

CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/team"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (
            f"{CUSTOM}/pods/*/queue",
            "labelSelector=app%3Dweb&metricLabelSelector=model%3Da",
            Asked("custom", "v1beta2", "team", "queue", "pods", "*", "app=web", "model=a"),
        ),
        (
            f"{CUSTOM}/pods/%2A/prometheus.googleapis.com%7Cqueue%7Cgauge",
            "",
            Asked(
                "custom", "v1beta2", "team", "prometheus.googleapis.com|queue|gauge", "pods", "*"
            ),
        ),
        (
            f"{CUSTOM}/deployments.apps/web/queue",
            "",
            Asked("custom", "v1beta2", "team", "queue", "deployments.apps", "web"),
        ),
        (
            f"{CUSTOM.replace('v1beta2', 'v1beta1')}/metrics/queue",
            "metricLabelSelector=a",
            Asked("custom", "v1beta1", "team", "queue", "namespaces", "team", "", "a"),
        ),
        (
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/team/queue",
            "labelSelector=a%20in%20%28b%29",
            Asked("external", "v1beta1", "team", "queue", metric_selector="a in (b)"),
        ),
        (
            "/apis/metrics.k8s.io/v1beta1/namespaces/team/pods",
            "labelSelector=app%3Dweb",
            Asked("resource", "v1beta1", "team", "", "pods", "*", "app=web"),
        ),
        (
            "/apis/metrics.k8s.io/v1beta1/namespaces/team/pods/web-0",
            "",
            Asked("resource", "v1beta1", "team", "", "pods", "web-0"),
        ),
    ],
)
def test_request_for_a_metric_is_read(path: str, query: str, expected: Asked) -> None:
    """Each form of URL says which metric of what is asked for, names decoded."""
    assert read_request(path, query) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/apis",
        "/apis/custom.metrics.k8s.io/v1beta2",
        f"{CUSTOM}/pods/web-0",
        "/apis/custom.metrics.k8s.io/v1beta3/namespaces/team/pods/*/queue",
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/team",
        "/apis/metrics.k8s.io/v1beta1/nodes",
        "/openapi/v3",
    ],
)
def test_other_paths_ask_for_no_metric(path: str) -> None:
    """Discovery and what is not served are no requests for metrics."""
    assert read_request(path, "") is None


@pytest.mark.parametrize(
    ("resource", "kind"),
    [("pods", "pod"), ("deployments.apps", "deployment"), ("namespaces", "namespace")],
)
def test_kind_is_the_resource_without_its_group(resource: str, kind: str) -> None:
    """Adapters know the described object by its kind."""
    assert Asked("custom", "v1beta2", "team", resource=resource).kind == kind
