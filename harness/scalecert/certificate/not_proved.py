"""What a certificate leaves open: conditions that no run had, and models that nobody compared.

A list for the reader, not a judgement: it depends on the world, the engine profile and the
scenarios, never on the findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from scalecert.certificate.envelope import Envelope
from scalecert.certificate.model_errors import ModelErrors
from scalecert.certificate.parts import CertificatePart
from scalecert.errors import HarnessBug
from scalecert.recording.plan import ENGINE_VERSION, Plan
from scalecert.units import format_percent

_WHOLE_LOAD = 0.99
"""The share of a peak from which a run was offered all of it: capacity is found to 1 %."""
_RESOURCES = ("Resource", "ContainerResource")


class Unproved(CertificatePart, frozen=True):
    """One thing that the verdict says nothing about: in a few words, and in a sentence."""

    subject: str
    sentence: str


_ANYWHERE = (
    Unproved(
        "engine features",
        "LoRA adapters, speculative decoding, KV transfer, pipeline parallelism and input other"
        " than text are not modelled; all replicas are equally fast.",
    ),
    Unproved(
        "failures",
        "No pod crashes, is evicted or killed by a liveness probe; no node fails, is drained or"
        " taken back by the cloud.",
    ),
    Unproved(
        "other controllers",
        "The HPA is alone: no rollout, disruption budget, quota, vertical autoscaler or other"
        " workload takes replicas or nodes.",
    ),
)
_SIMULATED = (
    Unproved(
        "network and clients",
        "The way between client and server takes no time and loses nothing; no client times out,"
        " cancels or retries.",
    ),
    Unproved(
        "control plane",
        "API server, scheduler and endpoints act at once, and the HPA syncs on time.",
    ),
)
_ON_ONE_MACHINE = (
    Unproved(
        "network and clients",
        "Client and servers are on one machine: no network delays or loses anything; no client"
        " times out, cancels or retries.",
    ),
    Unproved(
        "nodes",
        "Kubelet, container runtime and registry are imitated; pods are mock servers' processes,"
        " which share this machine's cores with all else.",
    ),
    Unproved(
        "busy control plane",
        "API server, scheduler and controllers are real, and have nothing but this policy to do.",
    ),
)


def not_proved(plans: Sequence[Plan], valid: Envelope, errors: ModelErrors) -> tuple[Unproved, ...]:
    """Return what stays open for these plans, what weighs most first.

    Args:
        plans: of all runs.
        valid: their envelope.
        errors: what is known of the models.

    Raises:
        HarnessBug: without a plan.
    """
    if not plans:
        raise HarnessBug("no plan, nothing to leave open")
    return (
        *_engine(plans, valid, errors),
        *_corners(plans, errors),
        *_clock(plans),
        *_cluster(plans, valid, errors),
        *_traffic(plans, valid),
        *_ANYWHERE,
        *(_ON_ONE_MACHINE if _on_the_clock(plans) else _SIMULATED),
    )


def _on_the_clock(plans: Sequence[Plan]) -> bool:
    return any(plan.wall_clock is not None for plan in plans)


def _clock(plans: Sequence[Plan]) -> Iterator[Unproved]:
    """Yield what is open because time passed on the clock, or faster than it would."""
    clocks = [plan.wall_clock for plan in plans if plan.wall_clock is not None]
    if any(clock.time_lapse > 1 for clock in clocks):
        lapse = max(clock.time_lapse for clock in clocks)
        yield Unproved(
            "time lapse",
            f"The runs went {lapse} times as fast as they would; what does not go faster weighs"
            f" {lapse} times as much (wallClock.notScaled lists it).",
        )
    share = min((clock.streamed_share for clock in clocks), default=1.0)
    if share < 1:
        yield Unproved(
            "first tokens",
            f"Of {format_percent(share)} of the requests, chosen at random, the first token was"
            " seen; of the others the whole answer alone.",
        )


def _engine(plans: Sequence[Plan], valid: Envelope, errors: ModelErrors) -> Iterator[Unproved]:
    engine = valid.engine
    shape = f"{engine.model} on {engine.accelerator}"
    if engine.profile_provenance != "measured":
        yield Unproved(
            f"engine speed ({shape})",
            f"Nobody has compared {engine.profile} with a server of {shape}: its costs are"
            " estimated.",
        )
    for one in dict.fromkeys(one for plan in plans for one in plan.engine.unlike):
        if one.what != ENGINE_VERSION:
            yield Unproved(
                f"{one.what} ({one.deployed})",
                f"The costs are of a server with {one.profile}; the manifests run {one.deployed}.",
            )
    if engine.profile_version is not None and engine.version != engine.profile_version:
        running = engine.version or "an unknown version"
        yield Unproved(
            f"engine version ({running})",
            f"The costs are those of {engine.name} {engine.profile_version}; the manifests run"
            f" {running}.",
        )
    if errors.engine.startup.basis != "measured":
        yield Unproved(
            "start-up",
            "Pull, load and node times are figures of scenario and profile: nobody has measured"
            " them on your nodes.",
        )


def _corners(plans: Sequence[Plan], errors: ModelErrors) -> Iterator[Unproved]:
    """Yield what the runs did not allow for of the errors that the profile states."""
    if not any(part.relative for part in msgspec.structs.astuple(errors.engine)):
        return
    if all(plan.variation.is_nominal for plan in plans):
        yield Unproved(
            "profile's errors",
            "No run had an engine that is slower or faster than the profile says.",
        )
    else:
        yield Unproved(
            "mixed errors",
            "Prefill, decode and start-up were slow together or fast together: the verdict does not"
            " cover one that is slow beside one that is fast.",
        )
    yield from _less_load(plans)


def _less_load(plans: Sequence[Plan]) -> Iterator[Unproved]:
    """Yield that slower engines were not offered the whole load, the scenario that lacks most."""
    peaks = {plan.scenario.metadata.name: plan.load.peak_per_second for plan in reversed(plans)}
    shares = [
        plan.load.peak_per_second / max(peaks[plan.scenario.metadata.name], 1e-9) for plan in plans
    ]
    if min(shares) < _WHOLE_LOAD:
        least = plans[shares.index(min(shares))]
        name = least.scenario.metadata.name
        yield Unproved(
            "full load on a slower engine",
            "Loads in units of capacity follow each engine's own: with a slower one"
            f" {name} peaked at {least.load.peak_per_second:.3g} requests/s instead of"
            f" {peaks[name]:.3g}. An absolute rate, or a capacity that is pinned, stays.",
        )


def _cluster(plans: Sequence[Plan], valid: Envelope, errors: ModelErrors) -> Iterator[Unproved]:
    if errors.hpa.basis == "unknown":
        yield Unproved("HPA", "The recording does not say what its HPA was compared with.")
    if errors.pipeline.basis == "unknown":
        yield _metric_path(on_the_clock=_on_the_clock(plans))
    if any(signal.source_type in _RESOURCES for plan in plans for signal in plan.signals):
        real, model = "that of mock servers' processes", "an assumed model of the server's process"
        used = real if _on_the_clock(plans) else model
        yield Unproved("CPU and memory", f"Their use is {used}.")
    if all(one.nodes.warm is None for one in valid.conditions):
        yield Unproved("missing nodes", "Every pod finds a node at once.")
    else:
        yield Unproved(
            "node autoscaler",
            "Nodes come after a fixed time; what decides on them is not modelled.",
        )


def _metric_path(*, on_the_clock: bool) -> Unproved:
    if on_the_clock:
        return Unproved(
            "adapter",
            "A real Prometheus scraped; the adapter between it and the HPA follows its sources and"
            " documents, and was never compared with a real one.",
        )
    return Unproved(
        "metric path",
        "Scrapes, ingestion and adapters are modelled by their sources and documents, and were"
        " never compared with those of a real cluster.",
    )


def _traffic(plans: Sequence[Plan], valid: Envelope) -> Iterator[Unproved]:
    yield Unproved(
        "other traffic",
        "Rates and sizes outside of the envelope, and arrivals that come in thicker bursts.",
    )
    if any(plan.engine.limits.get("enable_prefix_caching") for plan in plans):
        yield Unproved(
            "prefix caching",
            "Every prompt is computed in full, though the server would reuse shared prefixes.",
        )
    routing = ", ".join(dict.fromkeys(one.routing for one in valid.conditions))
    kept = any(one.connections == "keep-alive" for one in valid.conditions)
    others = "Other ways" if kept else "Kept connections"
    yield Unproved(
        "other routing",
        f"Requests find their pod by themselves ({routing}). {others}, and gateways that look at"
        " prompts or queues, were not run.",
    )
