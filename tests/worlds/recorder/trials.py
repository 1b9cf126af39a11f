"""Small trials of policies that ship."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from factories import make_scenario

from scalecert.pipeline import Inputs, subjects
from scalecert.planning.prepare import prepare
from scalecert.recording.plan import SuiteRef

SPIKE = {"shape": "spike", "base": 1.0, "peak": 12.0, "start": "1m", "duration": "4m"}


def trial_of(tried, *, rate=None, cluster=None, duration=600.0, seed=1, bounds=None, **changes):
    """Return a trial of a policy under small requests; `changes` are to its container."""
    inputs = Inputs(
        (str(tried.policy),),
        dict(tried.settings),
        tried.objective,
        capacity_per_second=1.8,
        seed=seed,
    )
    (subject,) = subjects(inputs)
    if bounds is not None:
        hpa = msgspec.structs.replace(
            subject.policy.hpa, min_replicas=bounds[0], max_replicas=bounds[1]
        )
        subject = replace(subject, policy=replace(subject.policy, hpa=hpa))
    if changes:
        container = replace(subject.resolved.container, **changes)
        subject = replace(subject, resolved=replace(subject.resolved, container=container))
    sizes = {"distribution": "uniform", "low": 32, "high": 160}
    scenario = make_scenario(
        checks=[{"id": "no-request-lost"}],
        duration=duration,
        workload={"rate": rate or SPIKE, "sizes": {"input": sizes, "output": sizes}},
        cluster=cluster or {},
    )
    return prepare(subject, scenario, tried.policy.parent, SuiteRef("test", "0", ""))
