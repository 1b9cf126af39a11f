"""Time lapse: what is divided, what is refused, and what is told to have stayed."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import msgspec
import pytest
import yaml
from factories import make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.documents import parse_documents
from scalecert.errors import UsageError
from scalecert.planning.pod_timing import PodTiming
from scalecert.policy.loading import load_policies
from scalecert.policy.model import Probe
from scalecert.scalars import decode_hook
from scalecert.scenario.model import Cluster
from scalecert.units import Duration
from scalecert.worlds.base import TIME_LAPSES
from scalecert.worlds.local.time_lapse import (
    check_conditions,
    check_policy,
    faster_cluster,
    faster_timing,
    lapsed,
)

POLICY = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: llm}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llm}
  minReplicas: 1
  maxReplicas: 10
  metrics:
  - type: Pods
    pods:
      metric: {name: "vllm:num_requests_running"}
      target: {type: AverageValue, averageValue: "10"}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.11.0
        ports: [{name: http, containerPort: 8000}]
        readinessProbe:
          httpGet: {path: /health, port: 8000}
          periodSeconds: 15
        lifecycle:
          preStop:
            exec: {command: [sh, -c, "sleep 30; true"]}
---
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  endpoints: [{port: http, interval: 5s}]
"""
TIMING = PodTiming(
    image_pull_seconds=20.0,
    model_load_seconds=60.0,
    startup=None,
    readiness=Probe(initial_delay_seconds=30.0, period_seconds=15.0),
    pre_stop_seconds=30.0,
    drain_seconds=0.0,
    grace_seconds=30.0,
)


def policy_of(tmp_path: Path, text: str = POLICY):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    (policy,) = load_policies([str(file)])
    return policy


def changed(before: str, after: str, *, text: str = POLICY) -> str:
    assert before in text
    return text.replace(before, after, 1)


def manifests(tmp_path: Path, time_lapse: int, text: str = POLICY):
    return lapsed(policy_of(tmp_path, text), Cluster(), TIMING, time_lapse).manifests


def container_of(manifest):
    return manifest["spec"]["template"]["spec"]["containers"][0]


def refusal(tmp_path: Path, time_lapse: int, text: str) -> str:
    with pytest.raises(UsageError) as refused:
        check_policy(policy_of(tmp_path, text), time_lapse)
    return str(refused.value).removeprefix(f"{tmp_path}/")


def test_no_time_lapse_changes_nothing(tmp_path):
    """K = 1 is the identity: manifests as they were applied, and nothing to be told."""
    policy, cluster = policy_of(tmp_path), Cluster()
    same = lapsed(policy, cluster, TIMING, 1)
    assert same.manifests == policy.manifests
    assert (same.cluster, same.timing, same.not_scaled) == (cluster, TIMING, ())


def test_an_hpas_windows_and_periods(tmp_path):
    """Written windows are divided; policies that the API server would fill in are written out."""
    behavior = manifests(tmp_path, 5)[0]["spec"]["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 60,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 3}],
    }
    assert [one["periodSeconds"] for one in behavior["scaleUp"]["policies"]] == [3, 3]


def test_an_hpa_without_behavior_has_no_periods(tmp_path):
    """Without `behavior` the controller has limits per sync and a flag: nothing to write."""
    text = changed("  behavior:\n    scaleDown:\n      stabilizationWindowSeconds: 300\n", "")
    assert "behavior" not in manifests(tmp_path, 3, text)[0]["spec"]


def test_a_pods_times(tmp_path):
    """Probe, hook and grace are divided; a grace that nobody wrote is the default's 30 s."""
    target = manifests(tmp_path, 3)[1]
    container = container_of(target)
    assert target["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 10
    assert container["readinessProbe"]["periodSeconds"] == 5
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sh", "-c", "sleep 10; true"]


@pytest.mark.parametrize(
    ("hook", "shorter"),
    [
        ("exec: {command: [sleep, '10']}", {"exec": {"command": ["sleep", "2"]}}),
        ("exec: {command: [sleep, '1']}", {"exec": {"command": ["sleep", "0.2"]}}),
        ("exec: {command: [/bin/stop]}", {"exec": {"command": ["/bin/stop"]}}),
        ("sleep: {seconds: 10}", {"sleep": {"seconds": 2}}),
    ],
)
def test_a_pre_stop_hook_sleeps_shorter(tmp_path, hook, shorter):
    """Whatever form its sleep has; a command that does not sleep stays."""
    text = changed('exec: {command: [sh, -c, "sleep 30; true"]}', hook)
    assert container_of(manifests(tmp_path, 5, text)[1])["lifecycle"]["preStop"] == shorter


def test_a_grace_of_zero_stays_zero(tmp_path):
    """An explicit 0 is no missing value: such a pod is killed at once."""
    text = changed(
        "    spec:\n      containers:",
        "    spec:\n      terminationGracePeriodSeconds: 0\n      containers:",
    )
    spec = manifests(tmp_path, 3, text)[1]["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 0


def test_a_monitors_interval_goes_to_the_millisecond(tmp_path):
    """Prometheus counts milliseconds, so no interval is refused; its timeout is written out."""
    endpoint = manifests(tmp_path, 3)[2]["spec"]["endpoints"][0]
    assert (endpoint["interval"], endpoint["timeout"]) == ("1667ms", "1667ms")
    endpoint = manifests(tmp_path, 5)[2]["spec"]["endpoints"][0]
    assert (endpoint["interval"], endpoint["timeout"]) == ("1s", "1s")


def test_an_operators_monitor(tmp_path):
    """A PodMonitor's default interval is 30 s, and it calls its timeout otherwise."""
    text = changed(
        "apiVersion: monitoring.googleapis.com/v1", "apiVersion: monitoring.coreos.com/v1"
    )
    text = changed("kind: PodMonitoring", "kind: PodMonitor", text=text)
    text = changed(
        "endpoints: [{port: http, interval: 5s}]", "podMetricsEndpoints: [{port: http}]", text=text
    )
    endpoint = manifests(tmp_path, 5, text)[2]["spec"]["podMetricsEndpoints"][0]
    assert endpoint == {"port": "http", "interval": "6s", "scrapeTimeout": "2s"}


def test_a_timeout_under_a_second_is_told(tmp_path):
    """A probe's timeout of 1 s can't be shorter: it stays, and the certificate says so."""
    made = lapsed(policy_of(tmp_path), Cluster(), TIMING, 3)
    assert container_of(made.manifests[1])["readinessProbe"]["timeoutSeconds"] == 1
    assert made.not_scaled[0] == (
        "In container vllm readinessProbe wait 3 s of the run for an answer: the API's least"
        " timeout is 1 s of the clock."
    )
    text = changed("periodSeconds: 15", "periodSeconds: 15\n          timeoutSeconds: 6")
    made = lapsed(policy_of(tmp_path, text), Cluster(), TIMING, 3)
    assert container_of(made.manifests[1])["readinessProbe"]["timeoutSeconds"] == 2
    assert not any("readinessProbe" in one for one in made.not_scaled)


def test_what_the_world_can_not_hurry_is_told(tmp_path):
    """Prometheus' target discovery, the control plane and the network go on at their own pace."""
    told = " ".join(lapsed(policy_of(tmp_path), Cluster(), TIMING, 5).not_scaled)
    assert "within 5 s of the clock, 25 s of the run" in told
    assert all(word in told for word in ("Control plane", "network", "scrapes"))


def test_a_servers_own_drain_is_told(tmp_path):
    """A flag of the server's command line is in seconds of the clock, and nobody rewrites it."""
    timing = dataclasses.replace(TIMING, drain_seconds=20.0)
    made = lapsed(policy_of(tmp_path), Cluster(), timing, 3)
    assert made.timing.drain_seconds == 20.0
    assert any("drains for up to 20 s of the clock" in one for one in made.not_scaled)
    assert not any(
        "drains" in one for one in lapsed(policy_of(tmp_path), Cluster(), TIMING, 3).not_scaled
    )


PROBE = "spec.template.spec.containers[0].readinessProbe"
WHOLE = "the API counts whole seconds"
REFUSED = [
    (
        "stabilizationWindowSeconds: 300",
        "stabilizationWindowSeconds: 100",
        3,
        (
            "15: spec.behavior.scaleDown.stabilizationWindowSeconds: found 100, --time-lapse 3"
            f" needs a multiple of 3: {WHOLE} (this policy can have --time-lapse 1 or 5)"
        ),
    ),
    (
        "          periodSeconds: 15\n",
        "",
        3,
        (
            f"29: {PROBE}.periodSeconds: found 10 by default, --time-lapse 3 needs"
            f" a multiple of 3: {WHOLE} (this policy can have --time-lapse 1 or 5)"
        ),
    ),
    (
        "periodSeconds: 15",
        "periodSeconds: 3",
        5,
        (
            f"31: {PROBE}.periodSeconds: found 3, --time-lapse 5 needs"
            " 5 or more: the API's least is 1 s (this policy can have --time-lapse 1 or 3)"
        ),
    ),
    (
        "periodSeconds: 15",
        "periodSeconds: 15\n          initialDelaySeconds: 20",
        3,
        (
            f"32: {PROBE}.initialDelaySeconds: found 20, --time-lapse 3 needs"
            f" a multiple of 3: {WHOLE} (this policy can have --time-lapse 1 or 5)"
        ),
    ),
    (
        "stabilizationWindowSeconds: 300",
        "policies: [{type: Pods, value: 1, periodSeconds: 7}]",
        5,
        (
            "15: spec.behavior.scaleDown.policies[0].periodSeconds: found 7, --time-lapse 5 needs"
            f" a multiple of 5: {WHOLE} (this policy can have --time-lapse 1)"
        ),
    ),
]


@pytest.mark.parametrize(("before", "after", "time_lapse", "said"), REFUSED)
def test_what_is_refused(tmp_path, before, after, time_lapse, said):
    """A division that is not whole, or a probe under a second: in one line, with its place."""
    assert refusal(tmp_path, time_lapse, changed(before, after)) == f"policy.yaml:{said}"


def test_conditions_are_divided():
    """Every duration of the cluster's conditions, those of faults too."""
    cluster = msgspec.convert(
        {
            "nodes": {"provisioning": "180s", "stockOuts": [{"start": "60s", "duration": "30s"}]},
            "startup": {"imagePull": "20s"},
            "controllers": {"syncPeriod": "15s"},
            "metrics": {"outages": [{"part": "adapter", "start": "90s", "duration": "15s"}]},
        },
        Cluster,
        dec_hook=decode_hook,
    )
    made = faster_cluster(cluster, 3)
    assert (made.nodes.provisioning, made.startup.model_load) == (60.0, None)
    assert (made.nodes.stock_outs[0].start, made.nodes.stock_outs[0].duration) == (20.0, 10.0)
    assert made.controllers.sync_period == 5.0
    assert made.controllers.downscale_stabilization == 100.0
    assert made.controllers.tolerance == cluster.controllers.tolerance
    assert (made.metrics.outages[0].start, made.metrics.outages[0].duration) == (30.0, 5.0)
    assert made.metrics.scrape_interval == 5.0


def test_an_interval_of_next_to_no_time_is_refused():
    """Where a scenario's own interval gets too short, the scenario's line is named."""
    text = yaml.safe_dump({"spec": {"cluster": {"controllers": {"syncPeriod": "0.4s"}}}})
    (document,) = parse_documents(text.encode(), "steady.yaml")
    cluster = make_scenario(cluster={"controllers": {"syncPeriod": "0.4s"}}).spec.cluster
    check_conditions(document, cluster, 3)
    with pytest.raises(UsageError) as refused:
        check_conditions(document, cluster, 5)
    assert str(refused.value) == (
        "steady.yaml:3: spec.cluster.controllers: with --time-lapse 5 found syncPeriod 0.08s,"
        " expected 100ms or more"
    )


def test_a_pods_timing():
    """Each span is divided; probes keep the API's least timeout."""
    made = faster_timing(TIMING, 5)
    assert (made.image_pull_seconds, made.model_load_seconds, made.grace_seconds) == (4, 12, 6)
    assert made.readiness == Probe(6.0, 3.0, 1.0)


seconds = st.floats(min_value=1.0, max_value=10_000.0).map(Duration)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(time_lapse=st.sampled_from(TIME_LAPSES), drawn=st.tuples(*[seconds] * 6))
def test_times_k_gives_back_the_conditions(time_lapse, drawn):
    """Conditions in seconds of the clock, times K, are those of the run."""
    pull, sync, window, every, relist, provisioning = drawn
    cluster = Cluster()
    cluster = msgspec.structs.replace(
        cluster,
        startup=msgspec.structs.replace(cluster.startup, image_pull=pull),
        nodes=msgspec.structs.replace(cluster.nodes, provisioning=provisioning),
        controllers=msgspec.structs.replace(
            cluster.controllers, sync_period=sync, downscale_stabilization=window
        ),
        metrics=msgspec.structs.replace(
            cluster.metrics, scrape_interval=every, adapter_relist_interval=relist
        ),
    )
    made = faster_cluster(cluster, time_lapse)
    for part in ("startup", "nodes", "controllers", "metrics"):
        one, other = (msgspec.structs.asdict(getattr(each, part)) for each in (made, cluster))
        for name, value in other.items():
            again = one[name] * time_lapse if isinstance(value, Duration) else one[name]
            assert again == (pytest.approx(value) if isinstance(value, Duration) else value)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    time_lapse=st.sampled_from([3, 5]),
    window=st.integers(0, 60),
    period=st.integers(1, 60),
    delay=st.integers(0, 60),
)
def test_times_k_gives_back_the_manifests(tmp_path_factory, time_lapse, window, period, delay):
    """Every whole second that was divided comes back, and nothing is rounded on the way."""
    text = changed("stabilizationWindowSeconds: 300", f"stabilizationWindowSeconds: {window * 15}")
    probe = f"periodSeconds: {period * 15}\n          initialDelaySeconds: {delay * 15}"
    policy = policy_of(
        tmp_path_factory.mktemp("policy"), changed("periodSeconds: 15", probe, text=text)
    )
    before = copy.deepcopy(policy.manifests)
    hpa, target, _ = lapsed(policy, Cluster(), TIMING, time_lapse).manifests
    made = container_of(target)["readinessProbe"]
    assert (
        hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] * time_lapse
        == window * 15
    )
    assert made["periodSeconds"] * time_lapse == period * 15
    assert made.get("initialDelaySeconds", 0) * time_lapse == delay * 15
    assert policy.manifests == before
