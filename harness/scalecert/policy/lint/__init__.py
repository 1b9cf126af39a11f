"""Static findings on manifests: what is wrong before anything runs.

They concern the manifests alone; whether the signal exists and can rise is judged from `signals`
by `scalecert.checks.signal`, for lint as for a recording. One module per theme has its rules.
"""

from __future__ import annotations

from scalecert.policy.accelerators import accelerator_metrics
from scalecert.policy.lint import identity, metrics, pods, scaling, scraping
from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, Verdict, finding_at
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.signals import signals

__all__ = ["RULES", "LintFinding", "LintRule", "Verdict", "finding_at", "lint_manifests"]

RULES = (*scraping.RULES, *pods.RULES, *scaling.RULES, *metrics.RULES, *identity.RULES)
"""Every rule, in the order of the findings; the ids never change."""


def lint_manifests(policy: Policy, resolved: Resolved) -> tuple[LintFinding, ...]:
    """Return the findings on a policy's manifests, for each rule that applies.

    Raises:
        UsageError: for metrics or adapter rules that are not modelled.
    """
    facts = facts_of(policy, resolved)
    return tuple(finding for rule in RULES for finding in rule.function(facts))


def facts_of(policy: Policy, resolved: Resolved) -> Facts:
    """Return what the rules are given."""
    known = signals(policy, resolved)
    return Facts(policy, resolved, known, accelerator_metrics(policy, resolved))
