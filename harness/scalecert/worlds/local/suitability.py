"""What world `local` can't run, refused before anything starts: in one line, with its place.

It makes pods of the policy's own manifests and lets the real controllers of Deployments and
StatefulSets have them, so there must be such a target. What a real Prometheus can't be made to do
is not imitated.
"""

from __future__ import annotations

from scalecert.documents import Document
from scalecert.policy.model import Policy
from scalecert.scenario.model import Cluster
from scalecert.worlds.local.time_lapse import check_conditions
from scalecert.worlds.local.time_lapse import check_policy as check_times

TARGETS = ("Deployment", "StatefulSet")
"""Kinds whose controllers run: kube-controller-manager has those, and no operator's."""


def check_policy(policy: Policy, time_lapse: int) -> None:
    """Raise UsageError if the policy can't be run, or not so many times faster."""
    reference = policy.hpa.scale_target_ref
    if reference.kind not in TARGETS:
        raise policy.document.error(
            f"found {reference.kind}, --world local runs {' and '.join(TARGETS)}",
            field="spec.scaleTargetRef.kind",
            hint="--world sim runs it",
        )
    if policy.target is None:
        raise policy.document.error(
            f"found no {reference.kind} {reference.name} in the input, --world local makes the"
            " pods of it",
            field="spec.scaleTargetRef.name",
            hint="add its manifest",
        )
    check_times(policy, time_lapse)


def check_scenario(document: Document, cluster: Cluster, time_lapse: int) -> None:
    """Raise UsageError if the world can't have a scenario's conditions.

    Args:
        document: the scenario's, for the place of a refusal.
        cluster: its conditions.
        time_lapse: K.
    """
    for index, outage in enumerate(cluster.metrics.outages):
        if outage.part == "scrape":
            raise document.error(
                "found scrape, --world local has outages of the adapter alone: a Prometheus that"
                " stops scraping marks its series as ended",
                field=f"spec.cluster.metrics.outages[{index}].part",
            )
    check_conditions(document, cluster, time_lapse)
