"""Which pods are targets, and with which labels."""

from __future__ import annotations

from dataclasses import replace

from scalecert.hpa.selectors import parse_selector
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config

POD = ScrapedPod(
    "web-abc12", "prod", {"app": "web", "tier": "gpu"}, {"http": 8000, "grpc": 9000}, "server",
    "10.0.0.1", "web",
)  # fmt: skip
GOOGLE = ScrapeConfig(
    "PodMonitoring", "web-mon", "prod", parse_selector("app=web"), "http", 15.0,
    namespaces=("prod",),
)  # fmt: skip
OPERATOR = replace(GOOGLE, kind="PodMonitor")


def test_podmonitoring_labels_are_those_of_managed_prometheus() -> None:
    """Managed collection attaches the resource's labels and the default metadata."""
    assert GOOGLE.target_labels(POD) == {
        "project_id": "project",
        "location": "location",
        "cluster": "cluster",
        "namespace": "prod",
        "job": "web-mon",
        "instance": "web-abc12:http",
        "pod": "web-abc12",
        "container": "server",
        "top_level_controller_name": "web",
        "top_level_controller_type": "Deployment",
    }


def test_podmonitoring_with_a_port_number_has_no_container_label() -> None:
    """A number may belong to several containers, so the operator drops the label."""
    labels = replace(GOOGLE, port=8000).target_labels(POD)
    assert labels is not None
    assert "container" not in labels
    assert labels["instance"] == "web-abc12:8000"


def test_podmonitoring_target_labels() -> None:
    """`metadata` chooses what is attached, `fromPod` copies labels of the pod."""
    labels = replace(GOOGLE, metadata=("container",), from_pod=(("tier", "class"),)).target_labels(
        POD
    )
    assert labels is not None
    assert labels["class"] == "gpu"
    assert "pod" not in labels


def test_podmonitor_labels_are_those_of_the_operator() -> None:
    """The operator attaches namespace, pod, container, endpoint, job and instance."""
    assert OPERATOR.target_labels(POD) == {
        "namespace": "prod",
        "pod": "web-abc12",
        "container": "server",
        "endpoint": "http",
        "job": "prod/web-mon",
        "instance": "10.0.0.1:8000",
    }


def test_servicemonitor_adds_its_service() -> None:
    """A ServiceMonitor's job is the Service's name unless a job label says otherwise."""
    config = replace(OPERATOR, kind="ServiceMonitor", service="svc", job="svc")
    labels = config.target_labels(POD)
    assert labels is not None
    assert (labels["service"], labels["job"]) == ("svc", "svc")
    by_label = replace(config, job_pod_label="tier").target_labels(POD)
    assert by_label is not None
    assert by_label["job"] == "gpu"


def test_pods_that_do_not_fit_are_no_targets() -> None:
    """Labels, namespace, port and relabelling each decide."""
    assert GOOGLE.target_labels(replace(POD, labels={"app": "other"})) is None
    assert GOOGLE.target_labels(replace(POD, namespace="dev")) is None
    assert replace(GOOGLE, port="metrics").target_labels(POD) is None
    drop = RelabelRule("drop", ("__meta_kubernetes_pod_label_tier",), regex="gpu")
    assert replace(OPERATOR, relabelings=(drop,)).target_labels(POD) is None


def test_relabelings_read_discovery_s_labels_and_may_rename() -> None:
    """Rules see `__meta_*` labels; what begins with two underscores does not remain."""
    copy = RelabelRule(source_labels=("__meta_kubernetes_pod_label_tier",), target_label="tier")
    labels = replace(OPERATOR, relabelings=(copy,)).target_labels(POD)
    assert labels is not None
    assert labels["tier"] == "gpu"
    assert not any(name.startswith("__") for name in labels)


def test_default_scrapes_any_pod() -> None:
    """Without a monitor in the input every pod is scraped, whatever ports it declares."""
    labels = default_scrape_config(15.0).target_labels(POD)
    assert labels is not None
    assert labels["instance"] == "web-abc12:http"
    assert default_scrape_config(15.0).target_labels(replace(POD, ports={})) is not None


def test_number_that_no_container_declares_has_no_server() -> None:
    """A scrape of a port beside the declared ones is refused."""
    assert replace(GOOGLE, port=8000).listening(POD)
    assert not replace(GOOGLE, port=8080).listening(POD)
    assert replace(GOOGLE, port=8080).listening(replace(POD, ports={}))
