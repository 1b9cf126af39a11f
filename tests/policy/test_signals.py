"""Signals and lint: what is known of a policy's metrics and manifests before anything runs."""

from __future__ import annotations

import pytest

from scalecert.cli.linting import lint
from scalecert.errors import UsageError
from scalecert.policy.resolve import resolve
from scalecert.policy.signals import as_scraped, signals

from .conftest import DEPLOYMENT, HPA, MONITORING, WHOLE, changed, joined

RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"


def signal(load, name=RUNNING, target='"10"', *more):
    text = WHOLE.replace(RUNNING, name).replace('"10"', target)
    policy = load(joined(text, *more))
    (found,) = signals(policy, resolve(policy))
    return found


def findings(load, text):
    policy = load(text)
    return {one.id: one for one in lint(policy, resolve(policy))}


def test_a_bounded_gauge(load):
    """Running requests are bounded by --max-num-seqs; target and tolerance are the HPA's."""
    found = signal(load)
    assert (found.exists, found.prometheus_name) == (True, "vllm:num_requests_running")
    assert (found.unit, found.maximum) == ("requests", 64.0)
    assert (found.target_type, found.target_value, found.tolerance_up) == (
        "AverageValue",
        10.0,
        0.1,
    )


def test_what_has_no_bound_has_no_maximum(load):
    """Waiting requests can rise without end."""
    name = RUNNING.replace("running", "waiting")
    assert signal(load, name).maximum is None


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        (
            "prometheus.googleapis.com|vllm:gpu_cache_usage_perc|gauge",
            "vllm 0.14.0 does not expose vllm:gpu_cache_usage_perc",
            "vllm:kv_cache_usage_perc",
        ),
        (
            "prometheus.googleapis.com|vllm:num_request_running|gauge",
            "does not expose vllm:num_request_running",
            "did you mean vllm:num_requests_running?",
        ),
        (
            "prometheus.googleapis.com|tgi_queue_size|gauge",
            "vllm 0.14.0 does not expose tgi_queue_size, tgi does",
            "scale on a metric of vllm",
        ),
        (
            "prometheus.googleapis.com|vllm:num_requests_running|counter",
            "vllm:num_requests_running is a gauge, the name says counter",
            f"write {RUNNING}",
        ),
        (
            "prometheus.googleapis.com|vllm:num_requests_running",
            "its name is not prometheus.googleapis.com|NAME|gauge",
            f"write {RUNNING}",
        ),
        (
            "prometheus.googleapis.com|vllm:num_requests_running|gauges",
            "its name ends in |gauges",
            f"write {RUNNING}",
        ),
        (
            "prometheus.googleapis.com|vllm:time_to_first_token_seconds|histogram",
            "is a histogram, which has no single value",
            "scale on a gauge or a counter",
        ),
        ("vllm_num_requests_running", "no rule of prometheus-adapter", "vllm:num_requests_running"),
    ],
)
def test_a_metric_that_cannot_exist_says_why(load, name, reason, hint):
    """A renamed, misspelt or mistyped metric is a finding, with the name to write instead."""
    found = signal(load, name)
    assert not found.exists
    assert reason in found.reason
    assert hint in found.hint


def test_adapter_names_go_through_the_rules(load):
    """Default rules show gauges under their own names; own rules rename them and keep bounds."""
    assert signal(load, "vllm:num_requests_running").maximum == 64.0
    rules = (
        "kind: ConfigMap\nmetadata: {name: adapter}\ndata:\n  config.yaml: |\n    rules:\n"
        '    - seriesQuery: \'vllm:num_requests_running{namespace!="",pod!=""}\'\n'
        "      resources: {template: '<<.Resource>>'}\n"
        "      name: {matches: '^vllm:(.*)$', as: 'llm_$1'}\n"
        "      metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'\n"
    )
    found = signal(load, "llm_num_requests_running", '"10"', rules)
    assert (found.exists, found.prometheus_name) == (True, "vllm:num_requests_running")
    assert found.maximum == 64.0
    rated = rules.replace(
        "sum(<<.Series>>{<<.LabelMatchers>>})", "sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m]))"
    )
    assert signal(load, "llm_num_requests_running", '"10"', rated).maximum is None
    assert not signal(load, "vllm:num_requests_running", '"10"', rules).exists


def test_a_label_that_the_series_never_had(load):
    """A selector on a label without series is inert; it is found before anything runs."""
    selector = "\n        selector: {matchLabels: {metric.labels.modelname: x}}"
    found = signal(load, f"{RUNNING}{selector}")
    assert (found.exists, found.hint) == (False, "did you mean model_name?")
    assert "no label modelname" in found.reason
    assert signal(load, f"{RUNNING}{selector.replace('modelname', 'model_name')}").exists


RULES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: adapter}
data:
  config.yaml: |
    KIND:
    - seriesQuery: 'vllm:num_requests_running{namespace!="",pod!=""}'
      resources: {overrides: {namespace: {resource: namespace}}}
      name: {as: running}
      metricsQuery: QUERY
"""


def ruled(load, query, *, source="External", target="AverageValue", more=()):
    """Return the signal of a metric that a rule makes with `query`."""
    described = "\n      describedObject: {apiVersion: v1, kind: Namespace, name: default}"
    field = "averageValue" if target == "AverageValue" else "value"
    hpa = HPA.replace(RUNNING, "running" + (described if source == "Object" else ""))
    hpa = hpa.replace("type: Pods", f"type: {source}").replace("pods:", f"{source.lower()}:")
    hpa = hpa.replace("type: AverageValue", f"type: {target}").replace("averageValue", field)
    kind = "externalRules" if source == "External" else "rules"
    rules = RULES.replace("KIND", kind).replace("QUERY", query)
    policy = load(joined(hpa, DEPLOYMENT, *(more or [MONITORING]), rules))
    (found,) = signals(policy, resolve(policy))
    return found


@pytest.mark.parametrize("source", ["External", "Object"])
def test_an_average_that_is_divided_again(load, source):
    """AverageValue asks for ceil(average / target) replicas: 7 of 10 with 64 and 10."""
    found = ruled(load, "avg(<<.Series>>{<<.LabelMatchers>>})", source=source)
    assert found.maximum == pytest.approx(64 / 9)
    assert "never asks for more than 7 of 10" in found.reason
    summed = ruled(load, "sum(<<.Series>>{<<.LabelMatchers>>})", source=source)
    assert (summed.maximum, summed.reason) == (64.0, "")
    plain = ruled(load, "avg(<<.Series>>{<<.LabelMatchers>>})", source=source, target="Value")
    assert (plain.aggregation, plain.maximum, plain.reason) == ("avg", 64.0, "")


@pytest.mark.parametrize(("operator", "words"), [("max", "the highest"), ("min", "the lowest")])
def test_a_highest_or_lowest_value_is_divided_too(load, operator, words):
    """One pod's value does not grow with the pods either, so AverageValue shares it out as well."""
    found = ruled(load, f"{operator}(<<.Series>>{{<<.LabelMatchers>>}})")
    assert found.maximum == pytest.approx(64 / 9)
    assert f"it is {words}, at most 64" in found.reason
    assert f"sum instead of {operator}" in found.hint


def test_a_number_in_place_of_missing_data(load):
    """`or vector(0)` is known of the signal, and takes nothing from what is known beside it."""
    found = ruled(load, "sum(<<.Series>>{<<.LabelMatchers>>}) or vector(0)")
    assert (found.fallback, found.aggregation, found.maximum) == (0.0, "sum", 64.0)
    assert ruled(load, "sum(<<.Series>>{<<.LabelMatchers>>})").fallback is None


@pytest.mark.parametrize(
    ("query", "aggregation"),
    [
        ("max(<<.Series>>{<<.LabelMatchers>>})", "max"),
        ("<<.Series>>{<<.LabelMatchers>>}", "sum"),
        ("avg(<<.Series>>{<<.LabelMatchers>>}) by (pod)", "sum"),
        ("2 * avg(<<.Series>>{<<.LabelMatchers>>})", ""),
    ],
)
def test_how_the_values_of_pods_become_one(load, query, aggregation):
    """By the rule's query; several series of an External metric are added up by the HPA."""
    assert ruled(load, query).aggregation == aggregation


def test_a_rule_that_asks_for_a_label_that_the_series_never_had(load):
    """It selects nothing, which a fallback hides from every condition of the HPA."""
    query = 'sum(<<.Series>>{<<.LabelMatchers>>,model="a"})'
    found = ruled(load, f"{query} or vector(0)")
    assert (found.exists, found.hint) == (False, "did you mean model_name?")
    assert "a label model that its series never have; or vector(0) hides it" in found.reason
    assert "hides" not in ruled(load, query).reason
    assert ruled(load, query.replace("model=", "model_name=")).exists


def test_a_label_that_a_monitor_attaches_is_there(load):
    """Labels of pods that a monitor copies belong to its series, as do those of relabelling."""
    query = 'sum(<<.Series>>{<<.LabelMatchers>>,team="a"})'
    copied = MONITORING + "  targetLabels: {fromPod: [{from: team, to: team}]}\n"
    assert ruled(load, query, more=[copied]).exists
    rewritten = MONITORING + "    metricRelabeling: [{targetLabel: team, replacement: a}]\n"
    assert ruled(load, query, more=[rewritten]).exists
    assert not ruled(load, query).exists


def test_googles_reducer_is_the_aggregation(load):
    """The HPA adds up the series of an External metric unless the selector reduces them."""
    text = HPA.replace("type: Pods", "type: External").replace("pods:", "external:")
    reduced = text.replace(
        RUNNING, f"{RUNNING}\n        selector: {{matchLabels: {{reducer: REDUCE_MEAN}}}}"
    )
    for hpa, expected in ((text, "sum"), (reduced, "avg")):
        policy = load(joined(hpa, DEPLOYMENT, MONITORING))
        assert signals(policy, resolve(policy))[0].aggregation == expected


def test_a_selector_that_the_hpa_can_not_use(load):
    """A model's path is no label value: the API server takes it, and every sync fails on it."""
    selector = "\n        selector: {matchLabels: {metric.labels.model_name: meta-llama/Llama-2}}"
    found = signal(load, f"{RUNNING}{selector}")
    assert not found.exists
    assert "meta-llama/Llama-2" in found.reason


def test_an_absurd_target_is_a_finite_one(load):
    """What no float holds is taken for the largest: nothing ever reaches it."""
    assert signal(load, target='"1e900"').target_value > 1e300


@pytest.mark.parametrize(
    "name",
    [
        "kubernetes.io|node|accelerator|duty_cycle",
        "prometheus.googleapis.com|DCGM_FI_DEV_GPU_TEMP|gauge",
        "container_memory_working_set_bytes",
        "kube_pod_status_phase",
    ],
)
def test_metrics_of_other_exporters_are_not_called_absent(load, name):
    """What is not modelled is unusable input, not a fault of the policy."""
    with pytest.raises(UsageError, match="not modelled"):
        signal(load, name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kubernetes.io|container|accelerator|duty_cycl", "accelerator|duty_cycle?"),
        ("kubernetes.io|container|accelerator|duty_cycle|gauge", "accelerator|duty_cycle?"),
    ],
)
def test_a_slip_in_the_name_of_an_accelerators_metric(load, name, meant):
    """What it nearly is comes first; it may be another exporter's all the same."""
    with pytest.raises(UsageError, match="not modelled") as refused:
        signal(load, name)
    assert f"{meant} Else" in (refused.value.hint or "")


def test_cpu_utilization_needs_requests(load):
    """An HPA without metrics scales on CPU, which fails while a container requests none."""
    metrics = HPA[HPA.index("  metrics:") :]
    policy = load(joined(HPA.replace(metrics, ""), DEPLOYMENT))
    (found,) = signals(policy, resolve(policy))
    assert (found.metric, found.unit, found.target_value) == ("cpu", "percent", 80.0)
    assert (found.exists, found.hint) == (False, "set resources.requests.cpu of container vllm")
    asked = changed(DEPLOYMENT, "nvidia.com/gpu: 1", "nvidia.com/gpu: 1, cpu: 4")
    policy = load(joined(HPA.replace(metrics, ""), asked))
    assert signals(policy, resolve(policy))[0].exists


def test_an_external_sum_can_only_reach_what_min_replicas_show(load):
    """A plain Value on an External metric sums over the pods that there are: minReplicas."""
    text = WHOLE.replace("type: Pods", "type: External").replace("pods:", "external:")
    text = text.replace("type: AverageValue", "type: Value").replace("averageValue", "value")
    policy = load(changed(text, "minReplicas: 1", "minReplicas: 3"))
    assert signals(policy, resolve(policy))[0].maximum == 3 * 64.0


def test_a_sound_policy_has_no_complaints(load):
    """Nothing is wrong with the policy that the other tests spoil."""
    assert {one.verdict for one in findings(load, WHOLE).values()} == {"pass"}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (('"10"', '"100"'), ("signal-reachable", "fail", "can't exceed 64")),
        (("requests_running|", "requests_runing|"), ("signal-present", "fail", "does not exist")),
        (("minReplicas: 1\n", "minReplicas: 10\n"), ("replica-range", "warning", "are both 10")),
        (
            ("  - port: http", "  - port: metrics"),
            ("scrape-target", "fail", "scrapes port metrics"),
        ),
        (("    interval: 15s", "    path: /stats"), ("scrape-target", "fail", "scrapes /stats")),
        (("  - port: http", "  - port: 9000"), ("scrape-target", "fail", "scrapes port 9000")),
        (
            (
                "spec:\n  selector:\n    matchLabels: {app: llm}\n  endpoints",
                "spec:\n  selector:\n    matchLabels: {app: lm}\n  endpoints",
            ),
            ("scrape-target", "fail", "selects app=lm, the pods have app=llm"),
        ),
        (
            (
                "spec:\n  selector:\n    matchLabels: {app: llm}\n  template",
                "spec:\n  selector:\n    matchLabels: {app: lm}\n  template",
            ),
            ("target-selector", "fail", "selects app=lm"),
        ),
        (
            ("        readinessProbe:", "        livenessProbe:"),
            ("readiness-probe", "warning", "no rea"),
        ),
        (
            ("limits: {nvidia.com/gpu: 1}", "limits: {cpu: 1}"),
            ("accelerator-request", "warning", "no acc"),
        ),
        (
            (
                "  metrics:",
                "  behavior: {scaleDown: {selectPolicy: Disabled}}\n  metrics:",
            ),
            ("scaling-disabled", "warning", "never scales down"),
        ),
        (
            ("  metrics:", "  behavior: {scaleDown: {stabilizationWindowSeconds: 10}}\n  metrics:"),
            ("stabilization-window", "warning", "scaling down waits 10 s"),
        ),
    ],
)
def test_each_fault_has_its_finding(load, change, finding):
    """One spoilt field gives one finding that names it, with the line; all others still pass."""
    id_, verdict, message = finding
    found = findings(load, changed(WHOLE, *change))
    assert (found[id_].verdict, message in found[id_].message) == (verdict, True)
    assert found[id_].line > 0
    others = {one.verdict for one in found.values() if one.id != id_}
    assert others == {"pass"}


@pytest.mark.parametrize(
    ("query", "target", "id_"),
    [
        ("sum(<<.Series>>) or vector(0)", "averageValue", "missing-as-number"),
        ("sum(<<.Series>>)", "value", "sum-as-value"),
    ],
)
def test_what_a_rule_makes_of_series_may_be_a_warning(load, query, target, id_):
    """Both have their use, so they fail nothing; the twin has no such finding."""
    hpa = HPA.replace(RUNNING, "running").replace("type: Pods", "type: External")
    hpa = hpa.replace("pods:", "external:")
    spoilt = hpa.replace("averageValue", target)
    if target == "value":
        spoilt = spoilt.replace("type: AverageValue", "type: Value")
    rules = RULES.replace("KIND", "externalRules")
    found = findings(load, joined(spoilt, DEPLOYMENT, MONITORING, rules.replace("QUERY", query)))
    assert (found[id_].verdict, found[id_].line > 0) == ("warning", True)
    sound = rules.replace("QUERY", "sum(<<.Series>>)")
    assert id_ not in findings(load, joined(hpa, DEPLOYMENT, MONITORING, sound))


def test_a_startup_probe_keeps_a_pod_from_being_ready_unloaded(load):
    """The kubelet makes no container ready before its startupProbe has succeeded."""
    started = changed(WHOLE, "        readinessProbe:", "        startupProbe:")
    assert findings(load, started)["readiness-probe"].verdict == "pass"


def test_a_missing_monitor_is_a_warning(load):
    """Without a monitor the default scrape is assumed, and said to be."""
    finding = findings(load, joined(HPA, DEPLOYMENT))["scrape-target"]
    assert finding.verdict == "warning"


def test_one_of_several_monitors_is_enough(load):
    """A monitor of other pods beside the right one is no fault."""
    other = MONITORING.replace("name: llm", "name: other").replace("app: llm", "app: other")
    assert findings(load, joined(WHOLE, other))["scrape-target"].verdict == "pass"


def test_what_no_monitor_scrapes_is_never_there(load):
    """A run names the monitor's fault as the reason; with one that scrapes all is as before."""
    sound = load(WHOLE)
    server = resolve(sound)
    assert as_scraped(signals(sound, server), sound, server) == signals(sound, server)
    astray = load(WHOLE.replace("  - port: http", "  - port: metrics"))
    server = resolve(astray)
    (found,) = as_scraped(signals(astray, server), astray, server)
    assert not found.exists
    assert "scrapes port metrics" in found.reason
    assert found.hint
