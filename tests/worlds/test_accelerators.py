"""World `sim` with policies that scale on their accelerators: what an HPA sees of them."""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_scenario
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.bundled import bundled
from scalecert.engines.profiles import profile_text
from scalecert.engines.roofline import estimate
from scalecert.pipeline import Inputs, subjects
from scalecert.planning.prepare import prepare
from scalecert.recording.plan import SuiteRef
from scalecert.worlds.sim import SimWorld

SHIPPED = bundled("fixtures", "policies", "vllm-h200-num-requests-running.yaml")
CAPACITY = 30.0
"""Requests of 256 and 128 tokens that an H200 serves per second within the objective."""

MONITOR = """\
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata:
  name: dcgm
  namespace: gmp-public
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: nvidia-dcgm-exporter}
  endpoints:
  - port: metrics
    interval: 15s
    metricRelabeling:
    - action: keep
      sourceLabels: [__name__]
    - action: replace
      sourceLabels: [__name__]
      targetLabel: __name__
      regex: DCGM_FI_DEV_GPU_UTIL
      replacement: dcgm_fi_dev_gpu_util
    - action: replace
      sourceLabels: [__name__]
      targetLabel: __name__
      regex: DCGM_FI_DEV_FB_USED
      replacement: dcgm_fi_dev_fb_used
---
"""
UTILIZATION = "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown"
MEMORY = "prometheus.googleapis.com|dcgm_fi_dev_fb_used|unknown"
DUTY = "kubernetes.io|container|accelerator|duty_cycle"
OWN_SERIES = "{metric.labels.exported_namespace: default, metric.labels.exported_container: vllm}"
OWN_CONTAINER = "{resource.labels.namespace_name: default, resource.labels.container_name: vllm}"


def policy(tmp_path, metric, selector, *, target="70", replicas=(1, 1), source="External", gpus=1):
    """Return the file of the shipped policy, scaling on another metric."""
    text = SHIPPED.read_text(encoding="utf-8")
    start, end = text.index("  metrics:\n  - type: Pods"), text.index("  behavior:")
    chosen = f"selector: {{matchLabels: {selector}}}" if selector else ""
    metrics = (
        f"  metrics:\n  - type: {source}\n    {source.lower()}:\n      metric:\n"
        f"        name: {metric}\n        {chosen}\n"
        f'      target: {{type: AverageValue, averageValue: "{target}"}}\n'
    )
    text = text[:start] + metrics + text[end:]
    text = text.replace("minReplicas: 1", f"minReplicas: {replicas[0]}")
    text = text.replace("maxReplicas: 4", f"maxReplicas: {replicas[1]}")
    text = text.replace('nvidia.com/gpu: "1"', f'nvidia.com/gpu: "{gpus}"')
    file = tmp_path / "policy.yaml"
    file.write_text(MONITOR + text, encoding="utf-8")
    return file


def run(file, rate, *, duration=300.0, profile=None, cluster=None):
    """Return the recording of requests of 256 and 128 tokens."""
    inputs = Inputs(
        (str(file),), objective="ttft_p95=2s", capacity_per_second=CAPACITY, profile=profile
    )
    (subject,) = subjects(inputs)
    sizes = {
        "input": {"distribution": "uniform", "low": 128, "high": 384},
        "output": {"distribution": "uniform", "low": 64, "high": 192},
    }
    scenario = make_scenario(
        checks=[{"id": "signal-moves"}],
        duration=duration,
        workload={"rate": rate, "sizes": sizes},
        cluster=cluster or {},
    )
    return SimWorld().run(prepare(subject, scenario, file.parent, SuiteRef("test", "0", "")))


def constant(per_second):
    return {"shape": "constant", "rate": f"{per_second:g}/s"}


def seen(recording, since=90.0):
    """Return what the HPA saw after the first collections."""
    times = recording.series["sync.time_seconds"]
    return recording.series["sync.metric.0.value"][times >= since]


NO_NEIGHBOURS = {"neighbours": {"replicas": 0}}


@pytest.mark.parametrize(("metric", "selector"), [(UTILIZATION, OWN_SERIES), (DUTY, OWN_CONTAINER)])
def test_utilization_is_full_from_a_light_load_on(tmp_path, metric, selector):
    """A quarter of the load keeps the GPU as busy as all of it: the metric can't tell loads."""
    file = policy(tmp_path, metric, selector)
    light, heavy = (seen(run(file, constant(rate))) for rate in (7.0, 28.0))
    assert np.median(light) >= 97.0
    assert np.median(heavy) == 100.0
    assert run(file, constant(0.2)).plan.signals[0].maximum == 100.0
    assert np.median(seen(run(file, constant(0.2)))) < 40.0


def test_memory_never_moves(tmp_path):
    """vLLM takes its memory at the start: the metric is the same under any load."""
    file = policy(tmp_path, MEMORY, OWN_SERIES, target="100k")
    ramp = {"shape": "ramp", "from": "1/s", "to": "28/s", "start": "30s", "duration": "200s"}
    values = seen(run(file, ramp))
    assert values.size > 10
    assert np.ptp(values) == 0.0
    assert 120_000 < values[0] < 150_109_945_856 / 2**20


def test_every_accelerator_of_a_replica_is_added(tmp_path):
    """Four GPUs are four series: an AverageValue sees up to 400, and the plan says so."""
    profile = tmp_path / "profile.yaml"
    profile.write_text(profile_text(estimate("vllm", "llama-2-7b", "h200", count=4)))
    file = policy(tmp_path, UTILIZATION, OWN_SERIES, gpus=4, target="340")
    recording = run(file, constant(24.0), profile=str(profile))
    assert recording.plan.signals[0].maximum == 400.0
    assert np.median(seen(recording)) == 400.0
    reduced = OWN_SERIES.replace("}", ", reducer: REDUCE_MEAN}")
    averaged = run(policy(tmp_path, UTILIZATION, reduced, gpus=4), constant(24.0),
                   profile=str(profile))  # fmt: skip
    assert averaged.plan.signals[0].aggregation == "avg"
    assert np.median(seen(averaged)) == 100.0


@pytest.mark.parametrize(
    ("metric", "selector", "own"),
    [
        (UTILIZATION, "{metric.labels.exported_container: vllm}", OWN_SERIES),
        (DUTY, "", OWN_CONTAINER),
    ],
)
def test_neighbours_are_counted_by_a_selector_that_does_not_keep_them_out(
    tmp_path, metric, selector, own
):
    """Two busy pods of another namespace are added to the policy's own, unless it names its own."""
    file = policy(tmp_path, metric, selector)
    with_neighbours = run(file, constant(28.0))
    assert with_neighbours.plan.signals[0].maximum is None
    assert np.median(seen(with_neighbours)) == 100.0 + 2 * 90.0
    assert np.median(seen(run(file, constant(28.0), cluster=NO_NEIGHBOURS))) == 100.0
    assert np.median(seen(run(policy(tmp_path, metric, own), constant(28.0)))) == 100.0


def test_neighbours_change_nothing_but_series_of_accelerators():
    """A run that reads no accelerator is the same to the last bit, whoever else is there."""
    first, second = (
        run(SHIPPED, constant(20.0), cluster={"neighbours": {"replicas": count}})
        for count in (0, 50)
    )
    assert first.events == second.events
    for one, other in ((first.series, second.series), (first.requests, second.requests)):
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def test_pods_are_found_by_their_containers(tmp_path):
    """A Pods metric of Google's own is answered for containers; it needs no selector."""
    recording = run(policy(tmp_path, DUTY, "", source="Pods", replicas=(2, 2)), constant(28.0))
    assert np.median(seen(recording)) == 100.0


def test_an_upper_case_external_name_is_never_found(tmp_path):
    """The API asks in lower case: without relabelling nothing is there, and the plan says why."""
    name = "prometheus.googleapis.com|DCGM_FI_DEV_POWER_USAGE|gauge"
    recording = run(policy(tmp_path, name, OWN_SERIES), constant(5.0), duration=90.0)
    (signal,) = recording.plan.signals
    assert (signal.exists, "lower case" in signal.reason) == (False, True)
    assert "metricRelabeling" in signal.hint
    assert np.isnan(recording.series["sync.metric.0.value"]).all()


def test_looking_changes_no_request(tmp_path):
    """What exporters see is seen without effect: requests fare as under a policy on CPU alone."""
    bare = policy(tmp_path, UTILIZATION, OWN_SERIES, replicas=(2, 2))
    looked_at = run(bare, constant(24.0), duration=120.0).requests
    unread = policy(tmp_path, "no_such_metric", "", replicas=(2, 2))
    alone = run(unread, constant(24.0), duration=120.0).requests
    assert all(np.array_equal(looked_at[name], alone[name], equal_nan=True) for name in looked_at)


@settings(derandomize=True, max_examples=6, deadline=None)
@given(rate=st.floats(0.1, 40.0), replicas=st.integers(1, 4))
def test_a_value_lies_within_its_bounds(tmp_path_factory, rate, replicas):
    """Whatever the load, an average over replicas is between 0 and the signal's maximum."""
    folder = tmp_path_factory.mktemp("policy")
    file = policy(folder, UTILIZATION, OWN_SERIES, replicas=(replicas, 4))
    recording = run(file, constant(rate), duration=120.0)
    values = recording.series["sync.metric.0.value"]
    values = values[~np.isnan(values)]
    assert values.size > 0
    assert values.min() >= 0.0
    ready = recording.series["sync.ready_replicas"].max()
    # Series of pods that are gone haunt an External metric for five minutes.
    assert values.max() <= recording.plan.signals[0].maximum * max(1.0, ready / replicas)
