"""The Plan document (`scenario.json`): everything that the checks may know beside what was seen.

It is resolved before the world starts and written with the recording, so that `recheck` needs
neither the policy nor a world. Times are seconds of the run, rates per second.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from scalecert.documents import ApiVersion, DocumentPart
from scalecert.recording.fidelity import Fidelity
from scalecert.scenario.model import Scenario

LatencyMetric = Literal["ttft", "tpot", "mean_time_per_token", "e2e"]
"""What an objective limits; `recording.latencies` has the formulas."""


class SuiteRef(DocumentPart, frozen=True):
    """Which suite the scenario came from; `digest` covers its scenarios and tests."""

    name: str
    version: str
    digest: str


class PolicyRef(DocumentPart, frozen=True):
    """The policy under test: `spec` is the HPA's after defaulting, `digest` of all manifests."""

    name: str
    namespace: str
    digest: str
    file: str
    spec: dict[str, Any]
    target: str
    min_replicas: int
    max_replicas: int


class ModelError(DocumentPart, frozen=True):
    """How far one part of the engine profile may be off: 0.05 is 5 %.

    `assumed` says that nobody has measured it; `note` says what was measured.
    """

    relative: float
    basis: Literal["measured", "assumed"]
    note: str = ""


ENGINE_VERSION = "engine version"


class Difference(DocumentPart, frozen=True):
    """One thing in which the deployed server is not the one that the profile's costs are of."""

    what: str
    deployed: str
    profile: str


class EngineRef(DocumentPart, frozen=True):
    """The engine, its profile and its limits.

    `errors` are the profile's for this server: `prefill`, `decode` and `startup`. `profile_version`
    is the version that the profile is of, `version` the one that the manifests run (the profile's
    where they don't say). `unlike` is what else the profile is not of.
    """

    name: str
    version: str | None
    profile: str
    profile_digest: str
    profile_provenance: str
    model: str
    accelerator: str
    accelerators_per_replica: int
    limits: dict[str, Any]
    errors: dict[str, ModelError] = msgspec.field(default_factory=dict)
    profile_version: str | None = None
    unlike: tuple[Difference, ...] = ()


class ObjectiveTerm(DocumentPart, frozen=True):
    """`quantile` of `metric` (`recording.latencies`) must not exceed `limit_seconds`."""

    metric: LatencyMetric
    quantile: float
    limit_seconds: float

    def text(self) -> str:
        """Return the term as on the command line: `ttft_p95=2s`."""
        limit = self.limit_seconds
        shown = f"{limit * 1000:.6g}ms" if limit < 1 else f"{limit:.6g}s"
        return f"{self.metric}_p{self.quantile * 100:g}={shown}"


HEADROOM_UTILIZATION = 0.8
"""How far a fleet with headroom loads its replicas: between the 1.0 at which nothing is left for
the noise of random arrivals and the half at which every second accelerator is idle. Own figure; the
limit of `accelerator-hours` counts on the same 1.25."""


class Capacity(DocumentPart, frozen=True):
    """One replica's capacity under the objective; `method` says how it was found.

    `saturated_per_second` is what the replica serves with an endless queue, objective or not.
    """

    requests_per_second: float
    saturated_per_second: float
    input_tokens_mean: float
    output_tokens_mean: float
    method: str

    def replicas_for(
        self, rate_per_second: float, *, at_least: int, utilization: float = 1.0
    ) -> int:
        """Return max(at_least, ceil(rate / capacity)); within 1e-9 of a whole count is that.

        `utilization` is the share of its capacity to which a replica is to be loaded.
        """
        usable = utilization * self.requests_per_second
        return max(at_least, math.ceil(rate_per_second / usable - 1e-9))


class Segment(DocumentPart, frozen=True):
    """A span in which the planned rate is constant or changes linearly (rates per second)."""

    start_seconds: float
    end_seconds: float
    rate_start: float
    rate_end: float


class Load(DocumentPart, frozen=True):
    """The offered load in absolute figures; `left_out` requests exceed the model's context.

    `peak_per_second` is the planned rate's highest mean over 60 s (not a count of what random
    arrivals made of it). `segments` cover the run without gaps, in order; a curve such as a sine
    or a trace is cut into short linear ones.
    """

    requests: int
    left_out: int
    mean_per_second: float
    peak_per_second: float
    input_tokens_mean: float
    output_tokens_mean: float
    segments: tuple[Segment, ...]
    input_tokens_range: tuple[int, int] = (0, 0)
    output_tokens_range: tuple[int, int] = (0, 0)


class Window(DocumentPart, frozen=True):
    """After a step up that no pod can start for: judged by recovery, not by the objective.

    It ends `startup + two syncs + drain` after the step.
    """

    start_seconds: float
    end_seconds: float
    rate_before: float
    rate_after: float
    startup_seconds: float
    drain_seconds: float


class UsualMaximum(DocumentPart, frozen=True):
    """How high a metric rises with requests of such sizes (mean tokens), however long the queue.

    It stays around `value`; for a while random sizes lift it to `highest`.
    """

    value: float
    highest: float
    input_tokens: float
    output_tokens: float


class Signal(DocumentPart, frozen=True):
    """One metric of the HPA, as far as it is known without running anything.

    `maximum` is the highest value that it can show, None if unbounded; `reason` says why it
    can't exist or can't be reached; `unit` and `target_value` are in the metric's own unit.
    `aggregation` (`sum`, `avg`, ...) is how the values of pods become one, empty where they stay
    per pod; `fallback` is what the adapter's rule gives where it has no data (`or vector(0)`).
    `usual_maximum` is what the load's request sizes leave of `maximum`, None if they bound nothing.
    """

    index: int
    source_type: str
    metric: str
    exists: bool
    target_type: str
    target_value: float
    tolerance_up: float
    prometheus_name: str | None = None
    unit: str = ""
    maximum: float | None = None
    reason: str = ""
    hint: str = ""
    aggregation: str = ""
    fallback: float | None = None
    usual_maximum: UsualMaximum | None = None


class Provenance(DocumentPart, frozen=True):
    """Where one input came from: printed and on the certificate."""

    what: str
    value: str
    source: str


class Given(msgspec.Struct, frozen=True, rename="camel"):
    """What the user gave, as it was typed: what it takes to run the same again.

    Paths are as given, relative ones to the folder that ScaleCert ran in; `-` is standard input.
    `settings` are the names of `--set` alone, because a value may be a secret. What is None was
    not given; the seed is `Variation.seed` of the first run. It is on certificates too, so unknown
    fields pass.
    """

    policies: tuple[str, ...]
    settings: tuple[str, ...] = ()
    objective: str | None = None
    profile: str | None = None
    workload: str | None = None
    price_per_hour: float | None = None
    capacity_per_second: float | None = None
    quick: bool = False
    time_lapse: int = 1


class FluidMinimum(DocumentPart, frozen=True):
    """Per bin max(minReplicas, ceil(offered rate / capacity)): the bound that costs compare to."""

    bin_seconds: float
    replicas: tuple[int, ...]


class ClairvoyantMinimum(DocumentPart, frozen=True, kw_only=True):
    """The fewest ready replicas over time that hold the objective, found by replaying the requests.

    Per bin of `bin_seconds`, the last one ends with the run. Who knows the load ahead starts each
    pod a start-up before it is needed: `replica_seconds` is the time of the ready replicas and of
    the `starts` start-ups, as far as they lie within the run. `method` says how it was found.
    """

    bin_seconds: float
    replicas: tuple[int, ...]
    starts: int
    replica_seconds: float
    method: str


class Variation(DocumentPart, frozen=True, kw_only=True):
    """Which run of a scenario this is: its seed, and how the engine differs from its profile.

    `prefill`, `decode` and `startup` are factors on the profile's seconds; 1.3 is 30 % slower.
    """

    name: str
    seed: int
    prefill: float = 1.0
    decode: float = 1.0
    startup: float = 1.0

    @property
    def is_nominal(self) -> bool:
        """Whether the engine is as its profile says."""
        return self.prefill == self.decode == self.startup == 1.0


class WallClock(DocumentPart, frozen=True, kw_only=True):
    """How a world of real processes made its run; virtual time has none of this.

    `time_lapse` is how many seconds of the run pass in one of the clock; `not_scaled` says, in a
    sentence each, what went on at its own pace all the same. Of the requests, `streamed_share` were
    read token by token. `components` are the versions of what ran (`kubernetes`, `prometheus`).
    """

    time_lapse: int = 1
    not_scaled: tuple[str, ...] = ()
    streamed_share: float = 1.0
    components: dict[str, str] = msgspec.field(default_factory=dict)


class Plan(DocumentPart, frozen=True):
    """`scenario.json`: one scenario, resolved for one policy.

    `ingestion_seconds` is how long a scraped sample waits until queries see it, at the longest of
    the policy's metrics; `fidelity` is what was known of the models then; `given` is what the user
    typed; `clairvoyant_minimum` is searched once per scenario, on its first run; `currency` is the
    price's (ISO 4217); `wall_clock` is added by worlds that run on one. Plans made before these
    fields lack them.
    """

    api_version: ApiVersion
    kind: Literal["Plan"]
    harness_version: str
    world: str
    scenario: Scenario
    suite: SuiteRef
    policy: PolicyRef
    engine: EngineRef
    objective: tuple[ObjectiveTerm, ...]
    capacity: Capacity
    load: Load
    windows: tuple[Window, ...]
    signals: tuple[Signal, ...]
    provenance: tuple[Provenance, ...]
    startup_seconds: float
    scrape_interval_seconds: float
    price_per_hour: float | None
    fluid_minimum: FluidMinimum
    variation: Variation
    ingestion_seconds: float | None = None
    fidelity: Fidelity | None = None
    given: Given | None = None
    clairvoyant_minimum: ClairvoyantMinimum | None = None
    currency: str = "USD"
    wall_clock: WallClock | None = None

    @property
    def seed(self) -> int:
        """The seed of this run."""
        return self.variation.seed

    @property
    def time_lapse(self) -> int:
        """How many seconds of the run passed in one of the clock; 1 in virtual time."""
        return self.wall_clock.time_lapse if self.wall_clock else 1
