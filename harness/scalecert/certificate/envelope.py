"""The validity envelope of a certificate: the conditions that its verdict holds under.

Everything is read off the plans, none of it judged. Outside of these ranges nothing was run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from scalecert.certificate.parts import CertificatePart, taken_from
from scalecert.checks.timeline import behavior
from scalecert.errors import HarnessBug
from scalecert.recording.plan import ENGINE_VERSION, Plan
from scalecert.workload.model import TraceRate, Workload


class Span(CertificatePart, frozen=True):
    """From the lowest to the highest figure that was run."""

    low: float
    high: float


class LoadEnvelope(CertificatePart, frozen=True, kw_only=True):
    """The planned rates, from the lowest of any time to the highest, and how requests arrive.

    Of the runs at the costs of the profile: in the guard band's corners, rates in units of
    capacity follow the corner's own capacity. Tokens are the rate times the mean size.
    """

    requests_per_second: Span
    input_tokens_per_second: Span
    output_tokens_per_second: Span
    arrivals: tuple[str, ...]


class SizesEnvelope(CertificatePart, frozen=True, kw_only=True):
    """Tokens of a request; None where a recording of an earlier release does not say."""

    input_tokens: Span | None
    output_tokens: Span | None


class EngineEnvelope(CertificatePart, frozen=True, kw_only=True):
    """The engine, and the profile that stood for it: `profile_version` is the version it is of."""

    name: str
    version: str | None
    model: str
    accelerator: str
    accelerators_per_replica: int
    profile: str
    profile_provenance: str
    profile_version: str | None


class NodesEnvelope(CertificatePart, frozen=True, kw_only=True):
    """Nodes with accelerators: `warm` None means as many as the policy can use, from the start."""

    warm: int | None
    maximum: int | None
    provisioning_seconds: float
    stock_outs: int


class Conditions(CertificatePart, frozen=True, kw_only=True):
    """The cluster of some of the scenarios.

    `startup_seconds` is from a pod's creation to ready (with the node, where not all are warm),
    over all runs. Metrics: the longest interval of the policy's monitors, and the wait until
    queries see a sample. Windows and tolerance are those that hold for this HPA;
    `scale_up_tolerance` is the controller's where the HPA has none of its own.
    """

    scenarios: tuple[str, ...]
    startup_seconds: Span
    nodes: NodesEnvelope
    routing: str
    scrape_interval_seconds: float
    ingestion_seconds: float | None
    metric_outages: int
    sync_period_seconds: float
    scale_up_tolerance: float
    scale_up_stabilization_seconds: float
    scale_down_stabilization_seconds: float
    connections: str = "per-request"


class Envelope(CertificatePart, frozen=True, kw_only=True):
    """What a verdict holds for. `kubernetes` is the release whose HPA decided, None if unknown."""

    load: LoadEnvelope
    sizes: SizesEnvelope
    min_replicas: int
    max_replicas: int
    engine: EngineEnvelope
    kubernetes: str | None
    conditions: tuple[Conditions, ...]


def envelope(plans: Sequence[Plan]) -> Envelope:
    """Return what was covered by the plans of one policy's runs.

    Raises:
        HarnessBug: without a plan.
    """
    if not plans:
        raise HarnessBug("no plan, no envelope")
    nominal = [plan for plan in plans if plan.variation.is_nominal] or list(plans)
    first = nominal[0]
    return Envelope(
        load=_load(nominal),
        sizes=_sizes(nominal),
        min_replicas=first.policy.min_replicas,
        max_replicas=first.policy.max_replicas,
        engine=_engine(first),
        kubernetes=_kubernetes(plans),
        conditions=_conditions(plans),
    )


def _engine(plan: Plan) -> EngineEnvelope:
    """Return the engine; its version is None where no manifest says it."""
    engine = plan.engine
    doubted = any(one.what == ENGINE_VERSION for one in engine.unlike)
    found = taken_from(engine, EngineEnvelope)
    if doubted and engine.version == engine.profile_version:
        return msgspec.structs.replace(found, version=None)
    return found


def _load(plans: Sequence[Plan]) -> LoadEnvelope:
    processes = (_arrivals(plan.scenario.spec.workload) for plan in plans)
    return LoadEnvelope(
        requests_per_second=_rates(plans, lambda _: 1.0),
        input_tokens_per_second=_rates(plans, lambda plan: plan.load.input_tokens_mean),
        output_tokens_per_second=_rates(plans, lambda plan: plan.load.output_tokens_mean),
        arrivals=tuple(dict.fromkeys(processes)),
    )


def _rates(plans: Sequence[Plan], tokens: Callable[[Plan], float]) -> Span:
    """Return the span of the planned rates, each times `tokens` of its plan."""
    return _span(
        rate * tokens(plan)
        for plan in plans
        for segment in plan.load.segments
        for rate in (segment.rate_start, segment.rate_end)
    )


def _span(figures: Iterable[float]) -> Span:
    found = list(figures) or [0.0]
    return Span(min(found), max(found))


def _arrivals(workload: Workload) -> str:
    """Return how requests arrive, in a word: `poisson`, `gamma cv 3`, `trace`."""
    if isinstance(workload.rate, TraceRate):
        return "trace"
    process = workload.process
    return process.process + (f" cv {process.cv:g}" if process.cv is not None else "")


def _sizes(plans: Sequence[Plan]) -> SizesEnvelope:
    return SizesEnvelope(
        input_tokens=_tokens(plan.load.input_tokens_range for plan in plans),
        output_tokens=_tokens(plan.load.output_tokens_range for plan in plans),
    )


def _tokens(ranges: Iterable[tuple[int, int]]) -> Span | None:
    """Return the span of all ranges; (0, 0) is of a plan that does not say or has no requests."""
    found = [one for one in ranges if one != (0, 0)]
    return Span(min(low for low, _ in found), max(high for _, high in found)) if found else None


def _kubernetes(plans: Sequence[Plan]) -> str | None:
    """Return the release whose HPA decided, or that it was compared with; None if that is open."""
    found = {_release(plan) for plan in plans}
    return found.pop() if len(found) == 1 else None


def _release(plan: Plan) -> str | None:
    if plan.wall_clock is not None:
        return plan.wall_clock.components.get("kubernetes")
    compared = plan.fidelity.hpa if plan.fidelity else None
    return compared.version if compared else None


def _conditions(plans: Sequence[Plan]) -> tuple[Conditions, ...]:
    """Return each distinct cluster once, with its scenarios and the start-up of all their runs."""
    grouped: dict[bytes, list[Plan]] = {}
    for plan in plans:
        alike = msgspec.structs.replace(_cluster(plan), scenarios=(), startup_seconds=Span(0, 0))
        grouped.setdefault(msgspec.json.encode(alike), []).append(plan)
    return tuple(
        msgspec.structs.replace(
            _cluster(same[0]),
            scenarios=tuple(dict.fromkeys(plan.scenario.metadata.name for plan in same)),
            startup_seconds=_span(plan.startup_seconds for plan in same),
        )
        for same in grouped.values()
    )


def _cluster(plan: Plan) -> Conditions:
    cluster = plan.scenario.spec.cluster
    controllers, nodes = cluster.controllers, cluster.nodes
    window = behavior(plan, "scaleDown", "stabilizationWindowSeconds")
    tolerances = [signal.tolerance_up for signal in plan.signals]
    return Conditions(
        scenarios=(plan.scenario.metadata.name,),
        startup_seconds=_span([plan.startup_seconds]),
        nodes=NodesEnvelope(
            warm=nodes.warm,
            maximum=nodes.maximum,
            provisioning_seconds=0.0 if nodes.warm is None else float(nodes.provisioning),
            stock_outs=len(nodes.stock_outs),
        ),
        routing=cluster.routing,
        connections=cluster.connections,
        scrape_interval_seconds=plan.scrape_interval_seconds,
        ingestion_seconds=plan.ingestion_seconds,
        metric_outages=len(cluster.metrics.outages),
        sync_period_seconds=float(controllers.sync_period),
        scale_up_tolerance=max(tolerances, default=controllers.tolerance),
        scale_up_stabilization_seconds=behavior(plan, "scaleUp", "stabilizationWindowSeconds")
        or 0.0,
        scale_down_stabilization_seconds=float(controllers.downscale_stabilization)
        if window is None
        else window,
    )
