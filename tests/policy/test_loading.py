"""Reading policies: what people have goes in, bad input gets one line."""

from __future__ import annotations

import io
import json

import pytest
import yaml

from scalecert.errors import UsageError
from scalecert.hpa.quantity import parse_quantity
from scalecert.policy.loading import load_policies

from .conftest import DEPLOYMENT, HPA, MONITORING, WHOLE, changed, joined


def test_a_whole_policy(load):
    """HPA, Deployment and PodMonitoring in one file make one policy, defaulted and typed."""
    policy = load(WHOLE)
    assert (policy.name, policy.namespace, policy.hpa.max_replicas) == ("llm", "default", 10)
    assert policy.hpa.metrics[0].pods.target.average_value == parse_quantity("10")
    (container,) = policy.target.template.containers
    assert container.args == ("--model=meta-llama/Llama-2-7b-chat-hf", "--max-num-seqs=64")
    assert container.ports == {"http": 8000}
    assert container.accelerators() == 1
    assert policy.target.template.node_labels == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    (endpoint,) = policy.monitors[0].endpoints
    assert (endpoint.interval_seconds, endpoint.port) == (15.0, "http")
    assert str(policy.place("spec.metrics[0].pods.target")).endswith("in.yaml:17")


BAD_HPA = [
    (
        "maxReplicas: 10",
        "maxReplicas: 0",
        (
            "in.yaml:11: spec.maxReplicas: 0 must be set and greater than 0 (and 1 more, "
            "first spec.maxReplicas: 0 must be greater than or equal to minReplicas (1))"
        ),
    ),
    (
        "minReplicas: 1\n",
        "minReplicas: 11\n",
        "in.yaml:11: spec.maxReplicas: 10 must be greater than or equal to minReplicas (11)",
    ),
    (
        "maxReplicas: 10",
        "maxReplicas: 2.5",
        "in.yaml:11: spec.maxReplicas: found 2.5, expected a whole number",
    ),
    (
        "maxReplicas: 10",
        "maxReplicas: ten",
        'in.yaml:11: spec.maxReplicas: found "ten", expected a whole number',
    ),
    (
        "maxReplicas: 10",
        "maxReplica: 10",
        "in.yaml:11: spec.maxReplica: found an unknown field (did you mean maxReplicas?)",
    ),
    (
        '"10"',
        '"-10"',
        "in.yaml:19: spec.metrics[0].pods.target.averageValue: -10 must be positive",
    ),
    (
        "- type: Pods",
        "- type: Pod",
        (
            "in.yaml:13: spec.metrics[0].type: 'Pod' is not supported: one of Object, Pods, "
            "Resource, ContainerResource, External (did you mean Pods?)"
        ),
    ),
    (
        "autoscaling/v2",
        "autoscaling/v2beta2",
        (
            "in.yaml:1: apiVersion: found autoscaling/v2beta2, expected autoscaling/v2 (Kubernetes "
            "1.26 dropped it; write autoscaling/v2, or export it with kubectl get)"
        ),
    ),
    (
        "autoscaling/v2",
        "autoscaling/v1",
        (
            "in.yaml:1: apiVersion: found autoscaling/v1, expected autoscaling/v2 "
            "(export it with kubectl get hpa.v2.autoscaling NAME -o yaml)"
        ),
    ),
    (
        "  name: llm\nspec",
        "  name: LLM_1\nspec",
        (
            "in.yaml:4: metadata.name: 'LLM_1' is not a DNS subdomain: lower-case letters, digits, "
            "'-' and '.', at most 253 characters"
        ),
    ),
    (
        "spec:\n",
        "sepc:\n",
        "in.yaml:5: sepc: found an unknown field (did you mean spec?)",
    ),
    (
        "metrics:",
        "metrics: 5\n  x:",
        "in.yaml:12: spec.metrics: found 5, expected a list",
    ),
    (
        '"10"',
        "$TARGET",
        (
            "in.yaml:19: spec.metrics[0].pods.target.averageValue: found the placeholder $TARGET, "
            "expected a value (--set TARGET=VALUE)"
        ),
    ),
    (
        "- type: Pods",
        '- type: "{{ .Values.type }}"',
        (
            "in.yaml:13: spec.metrics[0].type: found an unrendered template {{ }}, expected a "
            "value (render it first: helm template CHART | scalecert certify - ...)"
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "line"), BAD_HPA, ids=[row[1] for row in BAD_HPA])
def test_a_bad_hpa_gets_one_line(refused, old, new, line):
    """What the API server would refuse is refused with file, line, field and a suggestion."""
    assert refused(changed(HPA, old, new)) == line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("10x", '"10x"'),
        ('""', '""'),
        ("[1]", "a list"),
        ("true", "true"),
        (f'"{"9" * 4000}"', '"999'),
    ],
)
def test_a_bad_quantity_names_the_field(refused, value, shown):
    """A quantity that can't be parsed is named with its field and line, and what one looks like."""
    line = refused(changed(HPA, '"10"', value))
    assert line.startswith(f"in.yaml:19: spec.metrics[0].pods.target.averageValue: found {shown}")
    assert line.endswith(", expected a quantity such as 10, 500m or 2Gi")
    assert len(line) < 200


def test_a_bad_quantity_in_a_mapping_names_its_own_key(refused):
    """Of the resources of a container, the one that can't be parsed is named."""
    bad = changed(DEPLOYMENT, "{nvidia.com/gpu: 1}", "{cpu: 4, nvidia.com/gpu: one}")
    assert 'limits[nvidia.com/gpu]: found "one"' in refused(joined(HPA, bad))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "in.yaml: found no document, expected manifests"),
        ("# nothing\n---\n", "in.yaml: found no document, expected manifests"),
        ("just text", "in.yaml:1: found no mapping, expected a manifest"),
        (DEPLOYMENT, "in.yaml: found no HorizontalPodAutoscaler (Deployment)"),
        ("a: [", "in.yaml:1: not YAML"),
        ("a: &a [*a, *a]", "in.yaml:1: found the alias *a"),
        ("[" * 5000, "in.yaml:1: found nesting deeper than 100 levels"),
        (b"\xff\xfe", "in.yaml:1: found the byte 0xff at offset 0, expected UTF-8"),
        (b"\x7fELF\0\0", "in.yaml:1: found a binary file"),
        (joined(HPA, HPA), "twice, first in in.yaml:1"),
        (
            joined(WHOLE, changed(DEPLOYMENT, "v0.14.0", "v0.15.0")),
            "found Deployment llm twice, first in in.yaml:21",
        ),
        ("kind: Kustomization\nresources: []\n", "kubectl kustomize"),
        (changed(HPA, "PodAuto", "Podauto"), "in.yaml:2: kind: found HorizontalPodautoscaler"),
    ],
    ids=[
        "empty",
        "comment",
        "text",
        "no-hpa",
        "not-yaml",
        "alias",
        "deep",
        "utf-8",
        "binary",
        "two-hpas",
        "two-deployments",
        "kustomization",
        "kind",
    ],
)
def test_unusable_input_gets_one_line(refused, text, words):
    """Whatever a file holds, the answer is one line that names it."""
    assert words in refused(text)


BAD_TARGET = [
    (
        "containerPort: 8000",
        "containerPort: http",
        '"http", expected a whole number',
    ),
    ("- --max-num-seqs=64", "- 64", "args[1]: found 64, expected text"),
    ("nodeSelector:", "nodeSelectr:", "found an unknown field (did you mean nodeSelector?)"),
    ("matchLabels: {app: llm}\n  template", "matchLabels: {app: ''' }\n  template", "not YAML"),
    ("image: vllm/vllm-openai:v0.14.0", "image: $IMAGE", "image: found the placeholder $IMAGE"),
    ("limits: {nvidia.com/gpu: 1}", "limits: {nvidia.com/gpu: one}", "limits"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD_TARGET, ids=[row[1] for row in BAD_TARGET])
def test_a_bad_target_gets_one_line(refused, old, new, words):
    """Wrong types and misspelt fields of the Deployment are named, though most are not read."""
    line = refused(joined(HPA, changed(DEPLOYMENT, old, new)))
    assert words in line
    assert line.startswith("in.yaml:")


def test_shell_text_in_args_is_left_alone(load):
    """`$HOME`, `$(POD_NAME)` and chat templates in args are the container's own business."""
    args = "- $HOME $(POD_NAME) {{ messages }}"
    policy = load(joined(HPA, changed(DEPLOYMENT, "- --max-num-seqs=64", args)))
    assert policy.target.template.containers[0].args[1] == "$HOME $(POD_NAME) {{ messages }}"


def test_placeholders_are_set(load, refused):
    """`--set` fills placeholders in, in args too if named; a name that is not there is refused."""
    text = changed(WHOLE, '"10"', "$TARGET").replace("seqs=64", "seqs=${SEQS}")
    policy = load(text, {"TARGET": "7", "SEQS": "32"})
    assert policy.hpa.metrics[0].pods.target.average_value == parse_quantity("7")
    assert policy.target.template.containers[0].args[1] == "--max-num-seqs=32"
    assert refused(text, {"TARGT": "7"}) == (
        "--set TARGT: found no placeholder $TARGT in the input (did you mean TARGET?)"
    )


def test_keda_gets_the_hint_to_export_its_hpa(refused, load):
    """A ScaledObject alone is refused; with the HPA that KEDA made of it, that one is read."""
    keda = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: llm}\n"
    assert refused(joined(keda, DEPLOYMENT)) == (
        "in.yaml:2: kind: found a KEDA ScaledObject, expected the HPA that KEDA made of it "
        "(export it with kubectl get hpa keda-hpa-llm -o yaml)"
    )
    made = changed(HPA, "  name: llm\nspec", "  name: keda-hpa-llm\nspec")
    assert load(joined(keda, made)).ignored == ("ScaledObject/llm",)


def test_kubectl_output_is_read(load):
    """A List with status, managedFields and server fields gives the same policy and digest."""
    hpa = yaml.safe_load(HPA)
    plain = load(HPA)
    hpa["metadata"] |= {"uid": "1", "managedFields": [{"manager": "x"}], "resourceVersion": "5"}
    hpa["status"] = {"currentReplicas": 1, "desiredReplicas": 0, "currentMetrics": None}
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [hpa]})
    assert load(listed).digest == plain.digest
    assert load(listed).hpa == plain.hpa
    typed = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "items": [hpa]}
    del hpa["apiVersion"], hpa["kind"]
    assert load(json.dumps(typed)).hpa == plain.hpa


def test_the_digest_covers_every_manifest(load):
    """Any change of HPA, target or monitor changes the digest; formatting does not."""
    digest = load(WHOLE).digest
    assert load(WHOLE.replace("{app: llm}", "{'app':  llm}")).digest == digest
    for old, new in (("Replicas: 10", "Replicas: 9"), ("seqs=64", "seqs=63"), ("15s", "30s")):
        assert load(changed(WHOLE, old, new)).digest != digest


def test_several_policies_in_a_folder(tmp_path):
    """A folder's own files in the order of names, as kubectl reads it; no links out of it."""
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    other = HPA.replace("name: llm", "name: other")
    (tmp_path / "in" / "b.yml").write_text(other)
    (tmp_path / "in" / "a.json").write_text(json.dumps(yaml.safe_load(HPA)))
    (tmp_path / "in" / "c.yaml").write_text(DEPLOYMENT)
    (tmp_path / "in" / ".hidden.yaml").write_text("a: [")
    (tmp_path / "in" / "deeper" / "d.yaml").write_text("a: [")
    (tmp_path / "in" / "notes.txt").write_text("a: [")
    (tmp_path / "outside.yaml").write_text("a: [")
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    policies = load_policies([str(tmp_path / "in")])
    assert [policy.name for policy in policies] == ["llm", "other"]
    assert [policy.target is not None for policy in policies] == [True, False]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "found no *.yaml, *.yml or *.json"),
        ({"Chart.yaml": "name: x", "templates/hpa.yaml": "{{"}, "helm template"),
    ],
    ids=["none", "chart"],
)
def test_a_folder_that_cannot_be_used(tmp_path, files, words):
    """An empty folder and a chart's folder get a hint, not an empty result."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        load_policies([str(tmp_path)])
    assert words in str(caught.value)


def test_a_missing_file(tmp_path):
    """A path that is not there is named."""
    with pytest.raises(UsageError, match=r"x\.yaml: no such file or directory"):
        load_policies([str(tmp_path / "x.yaml")])


def test_standard_input(monkeypatch):
    """`-` reads the output of helm, kustomize or kubectl; messages call it stdin."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WHOLE.encode())))
    (policy,) = load_policies(["-"])
    assert policy.file == "stdin"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(UsageError, match="stdin: found nothing"):
        load_policies(["-"])


def test_namespaces(load, refused):
    """A namespace left out fits any; two that differ are a target that is never found."""
    there = changed(DEPLOYMENT, "  name: llm\nspec", "  name: llm\n  namespace: serving\nspec")
    assert load(joined(HPA, there)).namespace == "serving"
    here = changed(HPA, "  name: llm\nspec", "  name: llm\n  namespace: web\nspec")
    assert load(joined(here, DEPLOYMENT)).namespace == "web"
    assert "in the namespace serving only, expected it in web" in refused(joined(here, there))


def test_one_name_in_two_namespaces(tmp_path):
    """`kubectl get hpa -A`: each is certified, by a name of its own; in one namespace it is one."""
    names = ("llm", "llm\n  namespace: stage", "other")
    hpas = [changed(HPA, "name: llm\nspec", f"name: {name}\nspec") for name in names]
    file = tmp_path / "in.yaml"
    file.write_text(joined(*hpas))
    names = [policy.name for policy in load_policies([str(file)])]
    assert names == ["llm.default", "llm.stage", "other"]
    default = changed(HPA, "name: llm\nspec", "name: llm\n  namespace: default\nspec")
    file.write_text(joined(HPA, default))
    with pytest.raises(UsageError, match="llm twice"):
        load_policies([str(file)])


def test_the_same_object_twice_is_one(load):
    """Several files may bring the same Deployment."""
    assert load(joined(WHOLE, DEPLOYMENT, MONITORING)).digest == load(WHOLE).digest


def test_what_is_not_read_is_listed(load):
    """Other objects are no error, but nothing is passed over in silence."""
    other = "kind: Namespace\nmetadata: {name: web}\n"
    assert load(joined(WHOLE, other, "x: 1\n")).ignored == ("Namespace/web", "no kind")
