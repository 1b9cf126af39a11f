"""What the Plan says of policy, engine, load and time, beside what is computed."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from scalecert.documents import sha256_digest
from scalecert.engines.profiles import RelativeError
from scalecert.engines.roofline import ASSUMED_ERROR
from scalecert.exporters.registry import system_metrics_of
from scalecert.metrics.conditions import GOOGLE_INGESTION_DELAY_SECONDS
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.inputs import wanted_metrics
from scalecert.metrics.names import is_google
from scalecert.planning.fluid import peak_per_second, segments
from scalecert.planning.pod_timing import PodTiming
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import EngineRef, Load, ModelError, PolicyRef, Provenance
from scalecert.scalars import encode_hook
from scalecert.scenario.model import Scenario
from scalecert.units import format_percent
from scalecert.workload.generate import Requests
from scalecert.workload.rate import RateCurve


def policy_ref(policy: Policy) -> PolicyRef:
    """Return what the plan says of the policy."""
    reference = policy.hpa.scale_target_ref
    return PolicyRef(
        name=policy.name,
        namespace=policy.namespace,
        digest=policy.digest,
        file=policy.file,
        spec=msgspec.to_builtins(policy.hpa, enc_hook=encode_hook),
        target=f"{reference.kind}/{reference.name}",
        min_replicas=policy.hpa.min_replicas or 0,
        max_replicas=policy.hpa.max_replicas,
    )


def engine_ref(resolved: Resolved) -> EngineRef:
    """Return what the plan says of the engine."""
    profile = resolved.profile
    return EngineRef(
        name=resolved.kind.name,
        version=resolved.version,
        profile=profile.name,
        profile_digest=sha256_digest(profile),
        profile_provenance=profile.spec.provenance.kind,
        model=profile.spec.model.name,
        accelerator=profile.spec.accelerator.name,
        accelerators_per_replica=resolved.accelerators_per_replica,
        limits=dict(resolved.limits.values),
        errors=profile_errors(resolved),
        profile_version=profile.spec.engine_version,
        unlike=resolved.unlike,
    )


def profile_errors(resolved: Resolved) -> dict[str, ModelError]:
    """Return how far a profile may be off for the server that is deployed, by part.

    What was measured on another server than that says little of it: the error is assumed, as for a
    profile that nobody has measured, and what was measured is in the note.
    """
    errors = resolved.profile.spec.errors
    return {
        part: _on_another(error) if resolved.unlike else _as_profiled(error)
        for part, error in (
            ("prefill", errors.prefill),
            ("decode", errors.decode),
            ("startup", errors.startup),
        )
    }


def _as_profiled(error: RelativeError) -> ModelError:
    return ModelError(error.relative, error.basis, error.note)


def _on_another(error: RelativeError) -> ModelError:
    if error.basis == "assumed":
        return _as_profiled(error)
    note = f"{format_percent(error.relative)} measured on another server: {error.note}"
    return ModelError(max(error.relative, ASSUMED_ERROR), "assumed", note)


def load_of(curve: RateCurve, requests: Requests, duration_seconds: float) -> Load:
    """Return the offered load in absolute figures."""
    count = len(requests.arrival_seconds)
    return Load(
        requests=count,
        left_out=requests.left_out,
        mean_per_second=count / duration_seconds,
        peak_per_second=peak_per_second(curve, duration_seconds),
        input_tokens_mean=float(requests.input_tokens.mean()) if count else 0.0,
        output_tokens_mean=float(requests.output_tokens.mean()) if count else 0.0,
        segments=segments(curve, duration_seconds),
        input_tokens_range=_range(requests.input_tokens),
        output_tokens_range=_range(requests.output_tokens),
    )


def _range(tokens: npt.NDArray[np.integer]) -> tuple[int, int]:
    return (int(tokens.min()), int(tokens.max())) if tokens.size else (0, 0)


def startup_provenance(timing: PodTiming, scenario: Scenario) -> tuple[Provenance, ...]:
    """Return where the pods' times come from."""
    from_scenario = scenario.spec.cluster.startup.model_load is not None
    return (
        Provenance(
            "start-up",
            f"{timing.startup_seconds():g} s (pull {timing.image_pull_seconds:g} s, model load"
            f" {timing.model_load_seconds:g} s, then probes)",
            "scenario and probes" if from_scenario else "scenario, profile and probes",
        ),
        Provenance("cluster", scenario.spec.cluster.source, "scenario"),
    )


def scrape_interval_seconds(policy: Policy, scenario: Scenario) -> float:
    """Return the longest interval of the policy's monitors, the scenario's where it has none."""
    intervals = [endpoint.interval_seconds for endpoint in policy.scrape_configs]
    return max(intervals, default=float(scenario.spec.cluster.metrics.scrape_interval))


def ingestion_seconds(policy: Policy, resolved: Resolved, scenario: Scenario) -> float:
    """Return how long a sample waits until queries see it, at the longest.

    What the scenario says, else what Managed Service for Prometheus takes where a monitor or the
    name of a metric is Google's, as `metrics.adapters` has it; some metrics that Google Cloud
    collects by itself come later still.
    """
    wanted = [metric.asked for metric in wanted_metrics(policy.hpa)]
    system = system_metrics_of(resolved.device).metrics
    types = (external_metric_type(name) for name in wanted)
    late = max((system[one].late_seconds for one in types if one in system), default=0.0)
    given = scenario.spec.cluster.metrics.ingestion_delay
    if given is not None:
        return float(given) + late
    managed = any(config.google for config in policy.scrape_configs)
    google = managed or any(map(is_google, wanted))
    return (GOOGLE_INGESTION_DELAY_SECONDS if google else 0.0) + late


def provisioning_seconds(scenario: Scenario) -> float:
    """Return what a pod waits for its node where not all nodes are warm."""
    nodes = scenario.spec.cluster.nodes
    return 0.0 if nodes.warm is None else float(nodes.provisioning)
