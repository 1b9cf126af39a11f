"""Reading prometheus-adapter's configuration; the examples are those of its documentation."""

from __future__ import annotations

import pytest

from scalecert.documents import parse_documents
from scalecert.errors import UsageError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.metrics.adapter_config import AdapterRules, effective_rules, read_rules
from scalecert.metrics.promql import parse

WALKTHROUGH = """
rules:
- seriesQuery: 'http_requests_total{kubernetes_namespace!="",kubernetes_pod_name!=""}'
  resources:
    overrides:
      kubernetes_namespace: {resource: "namespace"}
      kubernetes_pod_name: {resource: "pod"}
  name:
    matches: "^(.*)_total"
    as: "${1}_per_second"
  metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)'
"""


def read(text: str) -> AdapterRules:
    [document] = parse_documents(text.encode(), "rules.yaml")
    return read_rules(document)


def test_walkthrough_names_the_metric() -> None:
    """http_requests_total becomes http_requests_per_second (config-walkthrough.md)."""
    [rule] = read(WALKTHROUGH).rules
    assert rule.takes("http_requests_total")
    assert rule.api_name("http_requests_total") == "http_requests_per_second"
    assert not rule.takes("other_total")


def test_walkthrough_associates_pods_and_namespaces() -> None:
    """Labels of the overrides name resources, in the singular or plural; others none."""
    [rule] = read(WALKTHROUGH).rules
    labels = ["kubernetes_namespace", "kubernetes_pod_name", "method"]
    assert rule.mapping.resources_of(labels) == {"pods", "namespaces"}
    assert rule.mapping.label_of("pods") == "kubernetes_pod_name"


def test_walkthrough_query() -> None:
    """The query selects the pods asked for and groups by their label."""
    [rule] = read(WALKTHROUGH).rules
    query = rule.custom_query(
        "http_requests_total", "pods", "production", ["frontend-0123", "frontend-4567"], EVERYTHING
    )
    assert query == parse(
        'sum(rate(http_requests_total{kubernetes_namespace="production",'
        'kubernetes_pod_name=~"frontend-0123|frontend-4567"}[2m])) by (kubernetes_pod_name)'
    )
    [one] = [rule.custom_query("http_requests_total", "pods", "production", ["a"], EVERYTHING)]
    assert 'kubernetes_pod_name="a"' in str(one)


def test_namespace_itself_is_selected_without_a_namespace() -> None:
    """A root-scoped resource has no namespace matcher, and is grouped by its own label."""
    [rule] = read(WALKTHROUGH).rules
    query = rule.custom_query("http_requests_total", "namespaces", "", ["production"], EVERYTHING)
    assert query == parse(
        'sum(rate(http_requests_total{kubernetes_namespace="production"}[2m]))'
        " by (kubernetes_namespace)"
    )


@pytest.mark.parametrize(
    ("selector", "matcher"),
    [
        ("verb=GET", 'verb="GET"'),
        ("verb!=GET", 'verb!="GET"'),
        ("verb in (GET)", 'verb=~"GET"'),
        ("verb in (GET,PUT)", 'verb=~"GET|PUT"'),
        ("verb notin (GET)", 'verb!~"GET"'),
        ("verb", 'verb!=""'),
        ("!verb", 'verb=""'),
    ],
)
def test_metric_selector_becomes_matchers(selector: str, matcher: str) -> None:
    """A metric's selector narrows the series, operators as the adapter translates them."""
    [rule] = read(WALKTHROUGH).rules
    query = rule.custom_query("m", "pods", "p", ["a"], parse_selector(selector))
    assert matcher in str(query)


@pytest.mark.parametrize(
    ("name", "series", "expected"),
    [
        ("", "a_total", "a_total"),
        ("{matches: '^container_(.*)_seconds_total$'}", "container_cpu_seconds_total", "cpu"),
        ("{as: cheesy_goodness}", "cheddar", "cheesy_goodness"),
        ("{matches: '^(.*)_total$', as: '${1}_per_second'}", "a_total", "a_per_second"),
        ("{matches: '^vllm:(.*)$', as: 'vllm_$1'}", "vllm:x", "vllm_x"),
    ],
)
def test_naming(name: str, series: str, expected: str) -> None:
    """`as` defaults to the whole name, or to the one group of `matches` (config.md, Naming)."""
    [rule] = read(
        "rules:\n- {seriesQuery: '{pod!=\"\"}', metricsQuery: 'm', name: %s}" % (name or "{}")
    ).rules
    assert rule.api_name(series) == expected


def test_filters_search_the_name() -> None:
    """`is` and `isNot` match anywhere in the name; `matches` is a filter as well."""
    [rule] = read("""
rules:
- seriesQuery: '{__name__=~"^container_.*_total",pod!=""}'
  seriesFilters: [{isNot: "seconds_total$"}, {is: "cpu"}]
  name: {matches: "^container_(.*)_total$"}
  metricsQuery: m
""").rules
    names = (
        "container_cpu_total",
        "container_cpu_seconds_total",
        "container_mem_total",
        "cpu_total",
    )
    assert [name for name in names if rule.takes(name)] == ["container_cpu_total"]


def test_template_maps_labels_that_are_resources() -> None:
    """With a template every label that is a resource's name counts, others don't (config.md)."""
    [rule] = read("""
rules:
- seriesQuery: 'm{namespace!=""}'
  resources: {template: "kube_<<.Group>>_<<.Resource>>", overrides: {pod: {resource: pods}}}
  metricsQuery: m
""").rules
    labels = ["kube_apps_deployment", "kube_x_model", "pod", "namespace"]
    assert rule.mapping.resources_of(labels) == {"deployments", "pods"}
    assert rule.mapping.label_of("deployments") == "kube_apps_deployment"
    assert rule.mapping.label_of("ingresses") == "kube_networking_k8s_io_ingress"


def test_external_query_adds_the_namespace_unless_told_not_to() -> None:
    """`resources.namespaced: false` leaves the HPA's namespace out (externalmetrics.md)."""
    text = """
externalRules:
- seriesQuery: '{__name__="queue_depth",name!=""}'
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (name)
  resources: %s
"""
    [with_it] = read(text % '{overrides: {namespace: {resource: "namespace"}}}').external
    [without] = read(text % "{namespaced: false}").external
    selector = parse_selector("name=my-sample-queue")
    assert with_it.external_query("queue_depth", "default", selector) == parse(
        'sum(queue_depth{name="my-sample-queue",namespace="default"}) by (name)'
    )
    assert without.external_query("queue_depth", "default", selector) == parse(
        'sum(queue_depth{name="my-sample-queue"}) by (name)'
    )


def test_default_rules_hold_where_the_input_has_none() -> None:
    """The chart's default rules expose gauges by their names and counters as rates."""
    gauge, counter, _ = effective_rules(()).rules
    assert gauge.takes("vllm:num_requests_running")
    assert not gauge.takes("vllm:generation_tokens_total")
    assert counter.api_name("vllm:generation_tokens_total") == "vllm:generation_tokens"


@pytest.mark.parametrize(
    ("field", "value", "line", "message"),
    [
        ("metricsQuery", "topk(3, m)", 4, "the aggregation topk is not supported"),
        ("metricsQuery", "predict_linear(m[5m], 60)", 4, r"the function predict_linear\(\)"),
        ("metricsQuery", "rate(m[5m:1m])", 4, "subqueries"),
        ("metricsQuery", "<<.Nope>>", 4, "found the template action <<.Nope>>"),
        ("metricsQuery", "sum(", 4, "expected an expression"),
        ("seriesQuery", "sum(m)", 3, "expected a selector"),
        ("seriesQuery", "'{a=~\"(\"}'", 3, "invalid"),
        ("name", "{matches: '(a)(b)'}", 5, "expected a name"),
        ("name", "{matches: '('}", 5, "invalid regex"),
        ("seriesFilters", "[{}]", 6, "exactly one of is and isNot"),
        ("metricQuery", "m", 7, "unknown field"),
        ("resources", "{template: 'x'}", 8, "must have"),
    ],
)
def test_unusable_rules_are_named_with_their_line(
    field: str, value: str, line: int, message: str
) -> None:
    """What is outside of the subset is one line with file, line and field (exit 2)."""
    fields = {
        "seriesQuery": "m", "metricsQuery": "m", "name": "{}", "seriesFilters": "[]",
    } | {field: value}  # fmt: skip
    order = ("seriesQuery", "metricsQuery", "name", "seriesFilters", "metricQuery", "resources")
    lines = ["rules:", "- labelValueReplacements: []"]
    lines += [f"  {key}: {fields[key]}" if key in fields else "  #" for key in order]
    with pytest.raises(UsageError, match=message) as caught:
        read("\n".join(lines))
    assert caught.value.file == "rules.yaml"
    assert caught.value.line == line
    assert (caught.value.field or "").startswith(f"rules[0].{field}")
