"""The Workload document: arrivals x request sizes, as a scenario's YAML says them.

Part of the first stage of the flow. Nothing here is in absolute terms yet: `rate.resolve` does
that, once the capacity of a replica and maxReplicas are known. A value that can't be used raises
ValueError, which msgspec turns into a ValidationError with the field's path.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec

from scalecert.documents import DocumentPart, require
from scalecert.scalars import default
from scalecert.units import Duration
from scalecert.workload.stated_rate import Rate

MAX_TOKENS = 10_000_000  # a request longer than any model's context is a slip, not a request
LEAST_SECONDS = 0.001  # of a phase of a shape; shorter ones vanish in the rounding of times
LEAST_CV = 0.001  # of gaps; less is no different from constant, and 1/CV^2 overflows in the end
MAX_CV = 20.0  # the burstiest public LLM trace, Azure 2023 code, has 13.2


class _Shape(DocumentPart, frozen=True, tag_field="shape"):
    """A rate over the time of the run."""


class _Distribution(DocumentPart, frozen=True, tag_field="distribution"):
    """Sizes in tokens."""


def _check_phase(name: str, seconds: float, instead: str = "") -> None:
    found = "0" if seconds == 0 else f"{seconds:g}s"
    require(seconds >= LEAST_SECONDS, f"found {name} {found}, expected a positive one{instead}")


class Arrivals(DocumentPart, frozen=True):
    """How arrivals scatter around the rate.

    `cv` is the coefficient of variation of the gaps of a gamma process: 1 is Poisson, above is
    burstier; its shape is 1/CV^2.
    """

    process: Literal["constant", "poisson", "gamma"] = "poisson"
    cv: float | None = None

    def __post_init__(self) -> None:
        """Refuse a CV that is missing, out of range or of no effect."""
        if self.process != "gamma":
            require(self.cv is None, f"found cv with process {self.process}, only gamma takes it")
        else:
            require(self.cv is not None, "found no cv, expected one for process gamma")
            require(
                LEAST_CV <= (self.cv or 0) <= MAX_CV,
                f"found cv {self.cv:g}, expected {LEAST_CV:g} to {MAX_CV:g}",
            )


class ConstantRate(_Shape, frozen=True, tag="constant"):
    """`rate` throughout."""

    rate: Rate


class Ramp(_Shape, frozen=True, tag="ramp"):
    """`from` until `start`, then evenly to `to` in `duration`, then `to`."""

    from_: Rate = msgspec.field(name="from")
    to: Rate
    duration: Duration
    start: Duration = default(Duration(0.0))

    def __post_init__(self) -> None:
        """Refuse a ramp that takes no time."""
        _check_phase("duration", self.duration, " (or shape staircase)")


class Level(DocumentPart, frozen=True):
    """One step of a staircase."""

    rate: Rate
    duration: Duration
    ramp: Duration = default(Duration(0.0))

    def __post_init__(self) -> None:
        """Refuse a level that takes no time, or less than its ramp."""
        _check_phase("duration", self.duration)
        require(self.ramp <= self.duration, "found a ramp longer than its level")
        if self.ramp:
            _check_phase("ramp", self.ramp)


class Staircase(_Shape, frozen=True, tag="staircase"):
    """One level after the other; the last one stays."""

    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        """Refuse a staircase without levels."""
        require(len(self.levels) > 0, "found no levels, expected at least one")


class Spike(_Shape, frozen=True, tag="spike"):
    """`base`, but `peak` from `start` on for `duration`."""

    base: Rate
    peak: Rate
    start: Duration
    duration: Duration

    def __post_init__(self) -> None:
        """Refuse a spike that takes no time."""
        _check_phase("duration", self.duration)


class Sine(_Shape, frozen=True, tag="sine"):
    """`mean` + `amplitude` x sin(2 pi t / `period`): up first; amplitude at most the mean."""

    mean: Rate
    amplitude: Rate
    period: Duration

    def __post_init__(self) -> None:
        """Refuse a period of no time."""
        _check_phase("period", self.period)


class BurstAndDrain(_Shape, frozen=True, tag="burst-and-drain"):
    """`base` until `start`; then `cycles` times `peak` for `duration` and `drain` for
    `drainDuration`; then `base` again.

    Unlike a spike it lets the backlog run dry before the next burst.
    """  # noqa: D205 - one sentence

    base: Rate
    peak: Rate
    start: Duration
    duration: Duration
    drain_duration: Duration
    drain: Rate = default(Rate("0/s"))
    cycles: int = 1

    def __post_init__(self) -> None:
        """Refuse phases that take no time, and a number of cycles out of range."""
        _check_phase("duration", self.duration)
        _check_phase("drainDuration", self.drain_duration)
        require(1 <= self.cycles <= 1000, f"found cycles {self.cycles}, expected 1 to 1000")


class TraceRate(_Shape, frozen=True, tag="trace"):
    """The arrivals of the workload's trace, at its own rate or scaled.

    `mean` states the mean rate of the replayed piece, `peak` the rate of its busiest `window`.
    Scaling leaves the trace's pace alone (use the trace's `speed` for that), so that rates drift
    as slowly as recorded: see `arrivals.replay`.
    """

    mean: Rate | None = None
    peak: Rate | None = None
    window: Duration = default(Duration(60.0))

    def __post_init__(self) -> None:
        """Refuse two scales at once, and an empty window."""
        require(self.mean is None or self.peak is None, "found mean and peak, expected one")
        require(self.window > 0, "found window 0, expected a positive one")


Shape = ConstantRate | Ramp | Staircase | Spike | Sine | BurstAndDrain | TraceRate


def _check_tokens(name: str, tokens: float) -> None:
    require(1 <= tokens <= MAX_TOKENS, f"found {name} {tokens}, expected 1 to {MAX_TOKENS} tokens")


class Fixed(_Distribution, frozen=True, tag="fixed"):
    """Always `tokens`."""

    tokens: int

    def __post_init__(self) -> None:
        """Refuse a size that no request has."""
        _check_tokens("tokens", self.tokens)


class Uniform(_Distribution, frozen=True, tag="uniform"):
    """Every whole number from `low` to `high`, both included, alike."""

    low: int
    high: int

    def __post_init__(self) -> None:
        """Refuse bounds in the wrong order or out of range."""
        _check_tokens("low", self.low)
        _check_tokens("high", self.high)
        require(self.low <= self.high, f"found low {self.low} above high {self.high}")


class Lognormal(_Distribution, frozen=True, tag="lognormal"):
    """Log-normal with this `mean` and `cv` (standard deviation / mean), rounded.

    Sizes above `max` become `max`, sizes below 1 become 1.
    """

    mean: float
    cv: float
    max: int = MAX_TOKENS

    def __post_init__(self) -> None:
        """Refuse parameters that define no distribution."""
        _check_tokens("mean", self.mean)
        _check_tokens("max", self.max)
        require(0 < self.cv <= MAX_CV, f"found cv {self.cv}, expected 0 < cv <= 20")
        require(self.mean <= self.max, f"found mean {self.mean} above max {self.max}")


class Histogram(_Distribution, frozen=True, tag="histogram"):
    """Bin i, `edges[i]` up to but without `edges[i+1]`, has a chance in proportion to `weights[i]`.

    Inside a bin every whole number is alike.
    """

    edges: tuple[int, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse bins that don't fit each other."""
        bins = len(self.edges) - 1
        require(bins >= 1, f"found {len(self.edges)} edges, expected at least 2")
        require(len(self.weights) == bins, f"found {len(self.weights)} weights, expected {bins}")
        for edge in self.edges:
            _check_tokens("edge", edge)
        require(all(a < b for a, b in pairwise(self.edges)), "found edges that don't rise")
        finite = all(0 <= weight < float("inf") for weight in self.weights)
        require(finite and sum(self.weights) > 0, "found weights that are negative or all zero")


class Empirical(_Distribution, frozen=True, tag="empirical"):
    """Drawn from a CSV file with the columns `input_tokens,output_tokens`.

    The input takes the first column, the output the second. Where both name the same file its
    rows are drawn whole, so that long prompts keep their answers.
    """

    file: str


Distribution = Fixed | Uniform | Lognormal | Histogram | Empirical


class Sizes(DocumentPart, frozen=True):
    """Sizes of the prompt and of the answer."""

    input: Distribution
    output: Distribution


class Trace(DocumentPart, frozen=True):
    """A file of recorded requests, CSV or JSON lines, gzipped or not (formats: `traces`).

    `start` and `duration` cut a piece out, in the trace's own time from its first request on;
    `speed` 2 replays it in half the time.
    """

    file: str
    format: Literal["azure", "mooncake", "burstgpt"] | None = None
    speed: float = 1.0
    start: Duration = default(Duration(0.0))
    duration: Duration | None = None

    def __post_init__(self) -> None:
        """Refuse a speed or a piece that leaves nothing to replay."""
        require(0 < self.speed <= 1e6, f"found speed {self.speed}, expected a positive one")
        require(self.duration is None or self.duration > 0, "found duration 0")


class Workload(DocumentPart, frozen=True):
    """Arrivals x sizes. `sizes: trace` takes each request's sizes from the trace, in pairs."""

    rate: Shape
    sizes: Sizes | Literal["trace"]
    arrivals: Arrivals | None = None
    trace: Trace | None = None

    def __post_init__(self) -> None:
        """Refuse a trace that is missing or unused, and arrivals beside a trace's own."""
        replays = isinstance(self.rate, TraceRate)
        reads = replays or self.sizes == "trace"
        require(not reads or self.trace is not None, "found no trace, expected one to read from")
        require(reads or self.trace is None, "found a trace that neither rate nor sizes uses")
        require(
            not replays or self.arrivals is None,
            "found arrivals beside shape trace, which brings its own",
        )

    @property
    def process(self) -> Arrivals:
        """The arrival process: Poisson unless stated."""
        return self.arrivals or Arrivals()
