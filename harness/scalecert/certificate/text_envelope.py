"""Envelope, errors and what is not proved, as the terminal shows them beneath the verdict.

S1         sim, estimated profile
clock      pace      3 times as fast as it would be ...
           ...
valid for  load      0.5 to 7.2 requests/s ...
           ...
errors     HPA       0 of 7,015 cases differ from ...
           ...
unproved   engine speed (llama-2-7b on l4), metric path, ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from scalecert.certificate.assurance import Assurance
from scalecert.certificate.envelope import Conditions, Envelope, NodesEnvelope, Span
from scalecert.certificate.model_errors import KnownError, ModelErrors, WorldsError
from scalecert.certificate.not_proved import Unproved
from scalecert.certificate.wall_clock import ClockFacts
from scalecert.certificate.wrapping import wrapped
from scalecert.units import format_percent, format_seconds

_TITLE, _LABEL = 11, 9


def assurance_lines(
    assurance: Assurance,
    valid: Envelope,
    errors: ModelErrors,
    unproved: Sequence[Unproved],
    clock: ClockFacts | None = None,
) -> Iterator[str]:
    """Yield the lines that stand beneath a certificate's first line, of 100 columns at most."""
    yield f"{assurance.level:{_TITLE}}{assurance.title}"
    if clock is not None:
        yield from _block("clock", _clock(clock))
    yield from _block("valid for", _valid(valid))
    yield from _block("errors", _errors(errors))
    subjects = ", ".join(one.subject for one in unproved)
    yield from wrapped(subjects, first=f"{'unproved':{_TITLE}}")


def _block(title: str, rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield labelled rows, the block's title before the first."""
    for label, text in rows:
        yield from wrapped(text, first=f"{title:{_TITLE}}{label:{_LABEL}} ")
        title = ""


def _clock(clock: ClockFacts) -> Iterator[tuple[str, str]]:
    lapse = clock.time_lapse
    yield "pace", "seconds of the clock" if lapse == 1 else f"{lapse} times as fast as the clock"
    yield "load", _offered(clock)
    if clock.components:
        yield "versions", ", ".join(f"{name} {one}" for name, one in clock.components.items())
    label = "unscaled"
    for sentence in clock.not_scaled:
        yield label, sentence
        label = ""


def _offered(clock: ClockFacts) -> str:
    """Return how the load was offered: on time, as much as was asked, and how much was seen."""
    delay, achieved = clock.schedule_delay_seconds, clock.achieved_to_asked
    late = "unknown" if delay is None else format_seconds(delay)
    asked = "unknown" if achieved is None else format_percent(achieved, digits=4)
    streamed = format_percent(clock.streamed_share)
    return f"sent {late} late (p99), {asked} of the asked rate, {streamed} of the requests streamed"


def _valid(valid: Envelope) -> Iterator[tuple[str, str]]:
    yield "load", _load(valid)
    yield "sizes", _sizes(valid)
    engine = valid.engine
    yield "engine", _engine(valid)
    count = f"{engine.accelerators_per_replica} x {engine.accelerator}"
    replicas = f"{_span(Span(valid.min_replicas, valid.max_replicas))} replicas of {count}"
    yield from _by_scenario("fleet", valid.conditions, lambda one: f"{replicas}, {_pods(one)}")
    yield from _by_scenario("metrics", valid.conditions, _metrics)
    release = f"Kubernetes {valid.kubernetes or 'of unknown release'}"
    yield from _by_scenario("HPA", valid.conditions, lambda one: f"{release}, {_control(one)}")


def _by_scenario(
    label: str, conditions: Sequence[Conditions], shown: Callable[[Conditions], str]
) -> Iterator[tuple[str, str]]:
    """Yield each distinct text once, with its scenarios where there are several texts."""
    grouped: dict[str, list[str]] = {}
    for one in conditions:
        grouped.setdefault(shown(one), []).extend(one.scenarios)
    for text, scenarios in grouped.items():
        yield label, text if len(grouped) == 1 else f"{text} (in {', '.join(scenarios)})"
        label = ""


def _load(valid: Envelope) -> str:
    load = valid.load
    inputs, outputs = load.input_tokens_per_second, load.output_tokens_per_second
    return (
        f"{_span(load.requests_per_second)} requests/s ({_span(inputs)} input +"
        f" {_span(outputs)} output tokens/s), {' and '.join(load.arrivals)}"
    )


def _sizes(valid: Envelope) -> str:
    sizes = valid.sizes
    if sizes.input_tokens is None or sizes.output_tokens is None:
        return "unknown"
    return f"{_span(sizes.input_tokens)} input, {_span(sizes.output_tokens)} output tokens"


def _engine(valid: Envelope) -> str:
    engine = valid.engine
    version = engine.version or "of unknown version"
    other = engine.profile_version not in (None, engine.version)
    source = f"{engine.profile_provenance}{f', of {engine.profile_version}' if other else ''}"
    return f"{engine.name} {version}, {engine.model}, profile {engine.profile} ({source})"


def _pods(one: Conditions) -> str:
    startup = one.startup_seconds
    if round(startup.low) == round(startup.high):
        ready = format_seconds(startup.low)
    else:
        ready = f"{startup.low:.0f} to {startup.high:.0f} s"
    return f"ready after {ready}, {_nodes(one.nodes)}"


def _nodes(nodes: NodesEnvelope) -> str:
    if nodes.warm is None:
        return "nodes warm"
    most = "" if nodes.maximum is None else f" of at most {nodes.maximum}"
    outs = f", {nodes.stock_outs} stock-outs" if nodes.stock_outs else ""
    return f"{nodes.warm} nodes warm{most}, others {nodes.provisioning_seconds:g} s{outs}"


def _metrics(one: Conditions) -> str:
    if one.ingestion_seconds is None:
        seen = "seen after an unknown time"
    else:
        seen = f"seen {one.ingestion_seconds:g} s later"
    outages = f", outages: {one.metric_outages}" if one.metric_outages else ""
    scraped = f"scraped every {one.scrape_interval_seconds:g} s"
    kept = ", connections kept" if one.connections == "keep-alive" else ""
    return f"{scraped}, {seen}{outages}; {one.routing} routing{kept}"


def _control(one: Conditions) -> str:
    return (
        f"sync {one.sync_period_seconds:g} s, tolerance {format_percent(one.scale_up_tolerance)},"
        f" stabilization {one.scale_up_stabilization_seconds:g} s up,"
        f" {one.scale_down_stabilization_seconds:g} s down"
    )


def _errors(errors: ModelErrors) -> Iterator[tuple[str, str]]:
    yield "HPA", _cases(errors.hpa)
    yield "pipeline", _cases(errors.pipeline)
    engine = errors.engine
    parts = {"prefill": engine.prefill, "decode": engine.decode, "start-up": engine.startup}
    yield "engine", ", ".join(f"{name} {_share(error)}" for name, error in parts.items())
    if errors.worlds is not None:
        yield "runs", _agreement(errors.worlds)


def _agreement(error: WorldsError) -> str:
    """Return how far whole runs are from those of real processes."""
    if error.basis == "unknown":
        return f"not measured against world local: {error.against}"
    syncs = error.first_scale_up_syncs
    first = "scale up apart" if syncs is None else f"first scale-up {syncs:.2g} syncs"
    p50, p95 = (_known_share(one) for one in (error.p50_difference, error.p95_difference))
    compared = f"{error.verdicts_differing} of {error.verdicts_compared:,} verdicts"
    replicas = error.replica_difference or 0.0
    return (
        f"apart from {error.against} by at most {replicas:.2g} replicas, {first}, p50 {p50},"
        f" p95 {p95}, {compared}; {error.within_limits} of {error.pairs} pairs within limits,"
        f" {error.unseen} unseen"
    )


def _known_share(share: float | None) -> str:
    return "unknown" if share is None else format_percent(share, digits=2)


def _cases(error: KnownError) -> str:
    if error.basis in ("none", "unknown") or error.cases is None:
        return f"{error.basis}: {error.against}"
    return f"{error.mismatches} of {error.cases:,} recorded cases differ from {error.against}"


def _share(error: KnownError) -> str:
    if error.relative is None:
        return f"unknown ({error.against})"
    return f"{format_percent(error.relative)} {error.basis}"


def _span(span: Span) -> str:
    low, high = (_number(figure) for figure in (span.low, span.high))
    return low if low == high else f"{low} to {high}"


def _number(figure: float) -> str:
    """Return a figure with three digits, or all before the point if those are more."""
    return f"{figure:,.0f}" if figure >= 100 or figure == round(figure) else f"{figure:.3g}"
