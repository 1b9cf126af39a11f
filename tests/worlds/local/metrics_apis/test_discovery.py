"""Discovery documents and the manifests that make kube-apiserver forward the APIs."""

from __future__ import annotations

import base64

from scalecert.worlds.local.metrics_apis.api_services import SERVER_NAME, api_services
from scalecert.worlds.local.metrics_apis.discovery import GROUPS, discovery_document


def test_every_version_served_is_in_its_group() -> None:
    """The list of groups, each group and each version agree about what there is."""
    listed = discovery_document("/apis")
    assert listed is not None
    assert [group["name"] for group in listed["groups"]] == list(GROUPS)
    for name, versions in GROUPS.items():
        group = discovery_document(f"/apis/{name}")
        assert group is not None
        assert [one["version"] for one in group["versions"]] == list(versions)
        assert group["preferredVersion"]["version"] == versions[0]
        for version in versions:
            document = discovery_document(f"/apis/{name}/{version}/")
            assert document is not None
            assert document["groupVersion"] == f"{name}/{version}"


def test_pods_are_a_resource_of_the_resource_api_alone() -> None:
    """`kubectl top` looks for pods; metrics are asked for without having been listed."""
    resources = {
        name: discovery_document(f"/apis/{name}/{versions[0]}") for name, versions in GROUPS.items()
    }
    listed = {name: document["resources"] for name, document in resources.items() if document}
    assert [one["name"] for one in listed.pop("metrics.k8s.io")] == ["pods"]
    assert list(listed.values()) == [[], []]


def test_what_is_not_served_is_no_document() -> None:
    """Other groups, versions and paths have none."""
    for path in ("/", "/api", "/apis/apps", "/apis/metrics.k8s.io/v1", "/apis/a/b/c"):
        assert discovery_document(path) is None


def test_each_version_is_forwarded_to_the_process() -> None:
    """One Service of an external name, and an APIService for each version at its port."""
    service, *registered = api_services("127.77.3.1", 4711, b"authority")
    assert service["metadata"] == {"name": "scalecert-metrics", "namespace": "kube-system"}
    assert service["spec"] == {
        "type": "ExternalName",
        "externalName": "127.77.3.1",
        "ports": [{"port": 4711, "protocol": "TCP"}],
    }
    specs = [one["spec"] for one in registered]
    forwarded = [(spec["group"], spec["version"]) for spec in specs if isinstance(spec, dict)]
    assert forwarded == [(group, one) for group, versions in GROUPS.items() for one in versions]
    for spec in specs:
        assert isinstance(spec, dict)
        assert spec["service"] == {
            "name": "scalecert-metrics",
            "namespace": "kube-system",
            "port": 4711,
        }
        assert base64.b64decode(str(spec["caBundle"])) == b"authority"


def test_newer_versions_are_preferred() -> None:
    """Of one group's versions the first has the highest priority."""
    specs = [one["spec"] for one in api_services("127.0.0.1", 1, b"")[1:]]
    custom = [
        spec["versionPriority"]
        for spec in specs
        if isinstance(spec, dict) and spec["group"] == "custom.metrics.k8s.io"
    ]
    assert custom == sorted(custom, reverse=True)
    assert len(set(custom)) == len(custom)


def test_serving_certificates_name_the_service() -> None:
    """kube-apiserver expects the name of a Service in the cluster's domain."""
    assert SERVER_NAME == "scalecert-metrics.kube-system.svc"
