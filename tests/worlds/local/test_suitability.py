"""What world `local` refuses, before anything starts."""

from __future__ import annotations

import pytest
import yaml
from factories import make_scenario

from scalecert.documents import parse_documents
from scalecert.errors import UsageError
from scalecert.policy.loading import load_policies
from scalecert.worlds.local.suitability import check_policy, check_scenario

from .test_time_lapse import POLICY, changed, policy_of

GROUPS = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: llm}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        containers: [{name: vllm, image: "vllm/vllm-openai:v0.11.0"}]
"""


def refused(check, *arguments) -> str:
    with pytest.raises(UsageError) as error:
        check(*arguments)
    return str(error.value)


def test_a_target_and_its_times_suit(tmp_path):
    """A Deployment in the input whose seconds divide is what the world runs."""
    check_policy(policy_of(tmp_path), 5)


def test_without_its_target(tmp_path):
    """The world makes pods of the target's manifest, so the input must have it."""
    file = tmp_path / "hpa.yaml"
    file.write_text(POLICY.split("---")[0])
    (policy,) = load_policies([str(file)])
    assert refused(check_policy, policy, 1) == (
        f"{file}:5: spec.scaleTargetRef.name: found no Deployment llm in the input, --world local"
        " makes the pods of it (add its manifest)"
    )


def test_a_group_of_pods(tmp_path):
    """No controller of a LeaderWorkerSet runs, so nothing would make its pods."""
    hpa = POLICY.split("---")[0].replace("kind: Deployment", "kind: LeaderWorkerSet")
    hpa = hpa.replace("apiVersion: apps/v1", "apiVersion: leaderworkerset.x-k8s.io/v1")
    assert refused(check_policy, policy_of(tmp_path, f"{hpa}---\n{GROUPS}"), 1).endswith(
        ":5: spec.scaleTargetRef.kind: found LeaderWorkerSet, --world local runs Deployment and"
        " StatefulSet (--world sim runs it)"
    )


def test_seconds_that_do_not_divide(tmp_path):
    """A policy is refused with the time lapse, not in the middle of the first run."""
    text = changed("stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 100")
    assert "needs a multiple of 3" in refused(check_policy, policy_of(tmp_path, text), 3)


def test_an_outage_of_scrapes():
    """A real Prometheus can't stop scraping unnoticed; an adapter can answer errors."""
    outages = [{"part": part, "start": "60s", "duration": "60s"} for part in ("adapter", "scrape")]
    conditions = {"cluster": {"metrics": {"outages": outages}}}
    (document,) = parse_documents(yaml.safe_dump({"spec": conditions}).encode(), "blind.yaml")
    cluster = make_scenario(**conditions).spec.cluster
    assert refused(check_scenario, document, cluster, 1) == (
        "blind.yaml:9: spec.cluster.metrics.outages[1].part: found scrape, --world local has"
        " outages of the adapter alone: a Prometheus that stops scraping marks its series as ended"
    )
    one = {"cluster": {"metrics": {"outages": outages[:1]}}}
    check_scenario(document, make_scenario(**one).spec.cluster, 1)
